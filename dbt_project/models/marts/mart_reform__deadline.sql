{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round')) }}

{# By the month in which cases were handed in: by the month of closing, a case that never ends would be late nowhere. #}
select
    {{ month_of('cases.submitted_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    count(*) as cases,
    sum(case when cases.is_closed and not cases.is_late then 1 else 0 end) as closed_in_time,
    sum(case when cases.is_closed and cases.is_late then 1 else 0 end) as closed_late,
    sum(case when cases.is_closed and cases.is_late is null then 1 else 0 end) as closed_without_promise,
    sum(case when cases.is_open and coalesce(not cases.is_late, true) then 1 else 0 end) as open_within,
    sum(case when cases.is_open and cases.is_late then 1 else 0 end) as open_beyond,
    cast(avg(case when cases.is_closed then cases.working_days end) as numeric(12, 2)) as mean_working_days
from {{ ref('fct_case') }} as cases
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
where cases.is_closed or cases.is_open
group by {{ month_of('cases.submitted_on') }}, cases.service_item
