{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round',
    'hall.evaluations: case_no stars')) }}

select
    {{ month_of('cases.closed_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    count(*) as cases_closed,
    cast(avg(cases.calendar_days) as numeric(12, 2)) as mean_calendar_days,
    cast(avg(cases.working_days) as numeric(12, 2)) as mean_working_days,
    sum(case when cases.is_late then 1 else 0 end) as late_cases,
    sum(case when cases.visits = 0 then 1 else 0 end) as cases_without_visit,
    sum(case when cases.visits = 1 then 1 else 0 end) as cases_with_one_visit,
    sum(case when cases.visits > 1 then 1 else 0 end) as cases_with_more_visits,
    cast(avg(case when cases.visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as at_most_once_share,
    cast(max(items.promised_visits) as integer) as promised_visits,
    cast(avg(cases.materials_given) as numeric(12, 2)) as mean_materials,
    sum(cases.materials_spared) as materials_spared,
    sum(case when cases.correction_rounds > 0 then 1 else 0 end) as corrected_cases,
    sum(case when cases.correction_rounds > 1 then 1 else 0 end) as cases_corrected_twice,
    sum(case when cases.channel in ('2', '3', '4') then 1 else 0 end) as cases_online,
    count(evaluations.case_no) as evaluations,
    sum(case when evaluations.stars in ('3', '4', '5') then 1 else 0 end) as evaluations_satisfied
from {{ ref('fct_case') }} as cases
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
left join {{ ref('stg_hall__evaluations') }} as evaluations on evaluations.case_no = cases.case_no
where cases.is_closed
group by {{ month_of('cases.closed_on') }}, cases.service_item
