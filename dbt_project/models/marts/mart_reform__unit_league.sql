{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way handed_at',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round asked_at answered_at',
    'hall.appointments: appointment_no service_item applicant_no campus slot_at state',
    'hall.evaluations: case_no stars')) }}

{# Units with fewer than twenty cases in a month are shown and not ranked: chance would rank them. #}
with units as (
    select
        {{ month_of('cases.closed_on') }} as month_on,
        coalesce(items.lead_unit, cases.lead_unit, '') as unit,
        count(*) as cases_closed,
        cast(avg(case when visits.real_visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as at_most_once_share,
        cast(avg(case when visits.real_visits = 0 then 1.0 else 0.0 end) as numeric(6, 4)) as without_visit_share,
        count(cases.is_late) as cases_with_promise,
        cast(avg(case when cases.is_late then 0.0 when not cases.is_late then 1.0 end) as numeric(6, 4)) as in_time_share,
        cast(avg(cases.working_days) as numeric(12, 2)) as mean_working_days,
        cast(avg(cases.materials_given) as numeric(12, 2)) as mean_materials,
        sum(cases.materials_spared) as materials_spared,
        cast(avg(case when cases.correction_rounds > 1 then 1.0 else 0.0 end) as numeric(6, 4))
            as corrected_twice_share,
        count(evaluations.case_no) as evaluations,
        cast(avg(case when evaluations.stars in ('3', '4', '5') then 1.0
            when evaluations.stars in ('1', '2') then 0.0 end) as numeric(6, 4)) as satisfied_share
    from {{ ref('fct_case') }} as cases
    inner join {{ ref('fct_case_visits') }} as visits on visits.case_no = cases.case_no
    left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
    left join {{ ref('stg_hall__evaluations') }} as evaluations on evaluations.case_no = cases.case_no
    where cases.is_closed
    group by {{ month_of('cases.closed_on') }}, coalesce(items.lead_unit, cases.lead_unit, '')
)

select
    *,
    cast(case when cases_closed >= 20 then
        rank() over (
            partition by month_on, cases_closed >= 20
            order by at_most_once_share desc, in_time_share desc nulls last
        ) end as integer) as place
from units
