{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round')) }}

with materials as (
    select
        case_no,
        sum(case when way = 'spared' then 0 else 1 end) as given,
        sum(case when way = 'spared' then 1 else 0 end) as spared
    from {{ ref('stg_hall__case_materials') }}
    group by case_no
),

steps as (
    select case_no, count(*) as steps, count(distinct unit) as units
    from {{ ref('stg_hall__case_steps') }}
    group by case_no
),

corrections as (
    select case_no, count(*) as rounds
    from {{ ref('stg_hall__corrections') }}
    group by case_no
),

cases as (
    select
        *,
        closed_at is null and status in ('1', '2', '3', '4') as is_open,
        {{ local_on('submitted_at') }} as submitted_on,
        {{ local_on('accepted_at') }} as accepted_on,
        {{ local_on('closed_at') }} as closed_on
    from {{ ref('stg_hall__cases') }}
)

select
    cases.case_no,
    cases.service_item,
    cases.applicant_kind,
    cases.applicant_no,
    cases.channel,
    cases.campus,
    cases.lead_unit,
    cases.status,
    cases.status = '7' as is_closed,
    cases.is_open,
    cases.submitted_on,
    cases.accepted_on,
    cases.closed_on,
    cases.promised_on,
    cast({{ days_between('cases.submitted_on', 'cases.closed_on') }} as integer) as calendar_days,
    cast(closing.working_no - accepting.working_no as integer) as working_days,
    case when cases.status = '7' then cases.closed_on > cases.promised_on
         when cases.is_open then cases.promised_on < {{ as_of_on() }} end as is_late,
    cast(cases.visits as integer) as visits,
    cast(coalesce(materials.given, 0) as integer) as materials_given,
    cast(coalesce(materials.spared, 0) as integer) as materials_spared,
    cast(coalesce(corrections.rounds, 0) as integer) as correction_rounds,
    cast(coalesce(steps.steps, 0) as integer) as step_count,
    cast(coalesce(steps.units, 0) as integer) as unit_count
from cases
left join materials on materials.case_no = cases.case_no
left join steps on steps.case_no = cases.case_no
left join corrections on corrections.case_no = cases.case_no
left join {{ ref('dim_campus_day') }} as accepting on accepting.day_on = cases.accepted_on
left join {{ ref('dim_campus_day') }} as closing on closing.day_on = cases.closed_on
