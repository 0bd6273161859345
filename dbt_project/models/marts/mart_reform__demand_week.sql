{{ config(enabled=requires('hall.cases: service_item status submitted_at')) }}

{# Tidal demand: what a week asks of an item against the item's usual week. Weeks begin on Monday; a week counts as the
   event that most of its days with an event belong to. A draft (status 0) was not handed in. #}
with cases as (
    select
        service_item,
        cast(date_trunc('week', {{ local_on('submitted_at') }}) as date) as week_on
    from {{ ref('stg_hall__cases') }}
    where status <> '0'
),

weeks as (
    select
        cast(date_trunc('week', day_on) as date) as week_on,
        mode() within group (order by kind) as day_kind,
        mode() within group (order by nullif(event, '')) as event
    from {{ ref('dim_campus_day') }}
    group by cast(date_trunc('week', day_on) as date)
),

counted as (
    select service_item, week_on, count(*) as cases
    from cases
    group by service_item, week_on
),

span as (
    select min(week_on) as first_on, max(week_on) as last_on from cases
)

select
    counted.week_on,
    counted.service_item,
    coalesce(items.name_zh, counted.service_item) as name_zh,
    weeks.day_kind,
    weeks.event,
    counted.cases,
    cast(counted.cases * (({{ days_between('span.first_on', 'span.last_on') }}) / 7 + 1.0)
        / sum(counted.cases) over (partition by counted.service_item) as numeric(12, 2)) as times_usual
from counted
cross join span
left join weeks on weeks.week_on = counted.week_on
left join {{ ref('dim_service_item') }} as items on items.service_item = counted.service_item
