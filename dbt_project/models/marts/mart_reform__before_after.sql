{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round')) }}

{# Like with like: an item is compared with itself, before the day of its publication and since. A mean over items is then
   a mean of these rows: no frequent item outweighs the others, as in the reports of the reform. #}
with cases as (
    select
        cases.service_item,
        items.name_zh,
        items.lead_unit,
        items.is_corporate,
        items.published_on,
        cases.submitted_on < items.published_on as is_before,
        cases.calendar_days,
        cases.materials_given
    from {{ ref('fct_case') }} as cases
    inner join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
    where cases.is_closed and items.published_on is not null
)

select
    service_item,
    max(name_zh) as name_zh,
    max(lead_unit) as lead_unit,
    case when max(case when is_corporate then 1 else 0 end) = 1 then 'corporate' else 'personal' end as kind,
    max(published_on) as published_on,
    sum(case when is_before then 1 else 0 end) as cases_before,
    sum(case when is_before then 0 else 1 end) as cases_after,
    cast(avg(case when is_before then calendar_days end) as numeric(12, 2)) as mean_days_before,
    cast(avg(case when not is_before then calendar_days end) as numeric(12, 2)) as mean_days_after,
    cast(avg(case when is_before then materials_given end) as numeric(12, 2)) as mean_materials_before,
    cast(avg(case when not is_before then materials_given end) as numeric(12, 2)) as mean_materials_after
from cases
group by service_item
