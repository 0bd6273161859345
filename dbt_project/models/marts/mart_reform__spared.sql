{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round')) }}

{# The last year of each item: what was spared, and what would be if every case were prefilled as those that were. #}
with year_of_cases as (
    select
        service_item,
        count(*) as cases,
        sum(materials_given) as materials_given,
        sum(materials_spared) as materials_spared
    from {{ ref('fct_case') }}
    where {{ days_between('submitted_on', as_of_on()) }} < 365 and status <> '0'
    group by service_item
),

prefilled as (
    select
        service_item,
        sum(prefills) as prefills,
        sum(fields_kept) as fields_kept,
        sum(fields_kept) * 1.0 / nullif(sum(prefills_noted), 0) as fields_kept_per_prefill
    from {{ ref('mart_service__prefill') }}
    where {{ days_between('month_on', as_of_on()) }} < 365
    group by service_item
)

select
    items.service_item,
    items.name_zh,
    items.lead_unit,
    coalesce(year_of_cases.cases, 0) as cases,
    items.material_count,
    items.form_field_count,
    cast(coalesce(year_of_cases.materials_given, 0) as bigint) as materials_given,
    cast(coalesce(year_of_cases.materials_spared, 0) as bigint) as materials_spared,
    cast(coalesce(prefilled.prefills, 0) as bigint) as prefills,
    cast(coalesce(prefilled.fields_kept, 0) as bigint) as fields_kept,
    cast(prefilled.fields_kept_per_prefill as numeric(12, 2)) as fields_kept_per_prefill,
    cast(prefilled.fields_kept_per_prefill * coalesce(year_of_cases.cases, 0) as numeric(14, 0))
        as fields_spared_if_all_prefilled
from {{ ref('dim_service_item') }} as items
left join year_of_cases on year_of_cases.service_item = items.service_item
left join prefilled on prefilled.service_item = items.service_item
where year_of_cases.cases > 0 or prefilled.prefills > 0
