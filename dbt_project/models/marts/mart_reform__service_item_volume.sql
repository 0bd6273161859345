{{ config(enabled=requires('hall.cases: service_item status submitted_at')) }}

{# High-frequency: sorted by volume, the shortest run of items that reaches 80 % of all cases, with every tie of
   its last one. A draft (status 0) was not handed in. An item belongs to it exactly if the items with more cases than it do not reach 80 % yet. #}
with cases as (
    select service_item, {{ local_on('submitted_at') }} as submitted_on
    from {{ ref('stg_hall__cases') }}
    where status <> '0'
),

counted as (
    select 'month' as period_kind, {{ month_of('submitted_on') }} as period_on, service_item, count(*) as cases
    from cases
    group by {{ month_of('submitted_on') }}, service_item
    union all
    select 'year', {{ year_of('submitted_on') }}, service_item, count(*)
    from cases
    group by {{ year_of('submitted_on') }}, service_item
),

ranked as (
    select
        *,
        rank() over (partition by period_kind, period_on order by cases desc) as volume_rank,
        sum(cases) over (partition by period_kind, period_on) as all_cases,
        sum(cases) over (
            partition by period_kind, period_on order by cases desc
            range between unbounded preceding and current row
        ) as cases_to_here
    from counted
)

select
    ranked.period_kind,
    ranked.period_on,
    ranked.service_item,
    coalesce(items.name_zh, ranked.service_item) as name_zh,
    items.lead_unit,
    items.service_item is not null as is_in_catalog,
    ranked.cases,
    cast(ranked.volume_rank as integer) as volume_rank,
    cast(ranked.cases * 1.0 / ranked.all_cases as numeric(8, 6)) as share,
    cast(ranked.cases_to_here * 1.0 / ranked.all_cases as numeric(8, 6)) as cumulative_share,
    5 * (ranked.cases_to_here - sum(ranked.cases) over (
        partition by ranked.period_kind, ranked.period_on, ranked.cases
    )) < 4 * ranked.all_cases as is_high_frequency
from ranked
left join {{ ref('dim_service_item') }} as items on items.service_item = ranked.service_item
