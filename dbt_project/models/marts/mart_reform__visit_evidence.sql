{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way handed_at',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round',
    'hall.appointments: appointment_no service_item applicant_no campus slot_at state')) }}

with shown as (
    select case_no, count(*) as visits
    from {{ ref('fct_visit') }}
    group by case_no
)

select
    {{ month_of('cases.closed_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    cast(max(items.promised_visits) as integer) as promised_visits,
    count(*) as cases_closed,
    cast(avg(case when cases.visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as recorded_at_most_once_share,
    cast(avg(case when greatest(cases.visits, coalesce(shown.visits, 0)) <= 1 then 1.0 else 0.0 end)
        as numeric(6, 4)) as real_at_most_once_share,
    sum(case when coalesce(shown.visits, 0) > cases.visits then 1 else 0 end) as cases_with_more_shown,
    sum(case when greatest(cases.visits, coalesce(shown.visits, 0)) > items.promised_visits then 1 else 0 end)
        as cases_beyond_promise
from {{ ref('fct_case') }} as cases
left join shown on shown.case_no = cases.case_no
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
where cases.is_closed
group by {{ month_of('cases.closed_on') }}, cases.service_item
