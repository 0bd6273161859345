{{ config(enabled=requires(
    'hall.cases: case_no service_item',
    'hall.case_steps: case_no seq unit arrived_at done_at action')) }}

with steps as (
    select
        cases.service_item,
        steps.case_no,
        steps.unit,
        steps.arrived_at,
        steps.done_at,
        steps.action,
        lag(steps.unit) over (partition by steps.case_no order by steps.seq) as unit_before
    from {{ ref('stg_hall__case_steps') }} as steps
    inner join {{ ref('stg_hall__cases') }} as cases on cases.case_no = steps.case_no
)

select
    {{ month_of(local_on('steps.arrived_at')) }} as month_on,
    steps.service_item,
    coalesce(steps.unit, '') as unit,
    max(coalesce(items.name_zh, steps.service_item)) as name_zh,
    count(*) as steps,
    sum(case when steps.unit_before <> steps.unit then 1 else 0 end) as handed_over,
    sum(case when steps.action = 'return' then 1 else 0 end) as returned,
    sum(case when steps.done_at is null then 1 else 0 end) as waiting,
    cast(avg(extract(epoch from steps.done_at - steps.arrived_at) / 3600) as numeric(12, 2)) as mean_hours
from steps
left join {{ ref('dim_service_item') }} as items on items.service_item = steps.service_item
group by {{ month_of(local_on('steps.arrived_at')) }}, steps.service_item, coalesce(steps.unit, '')
