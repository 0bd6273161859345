{{ config(enabled=requires(
    'hall.enquiries: enquiry_no service_item topic unit asked_at answered_at solved')) }}

select
    {{ month_of(local_on('enquiries.asked_at')) }} as month_on,
    coalesce(enquiries.service_item, '') as service_item,
    coalesce(enquiries.topic, '') as topic,
    max(coalesce(items.name_zh, enquiries.service_item)) as name_zh,
    max(coalesce(items.lead_unit, enquiries.unit)) as lead_unit,
    count(*) as enquiries,
    sum(case when enquiries.answered_at is null then 1 else 0 end) as unanswered,
    sum(case when enquiries.solved is false then 1 else 0 end) as not_solved,
    cast(avg({{ days_between(local_on('enquiries.asked_at'), local_on('enquiries.answered_at')) }})
        as numeric(12, 2)) as mean_days_to_answer
from {{ ref('stg_hall__enquiries') }} as enquiries
left join {{ ref('dim_service_item') }} as items on items.service_item = enquiries.service_item
group by {{ month_of(local_on('enquiries.asked_at')) }}, coalesce(enquiries.service_item, ''), coalesce(enquiries.topic, '')
