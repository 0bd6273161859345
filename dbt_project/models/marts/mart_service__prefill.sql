with noted as (
    select
        transaction_id,
        sum(case when outcome = 'kept' then 1 else 0 end) as kept,
        sum(case when outcome = 'changed' then 1 else 0 end) as changed,
        sum(case when outcome = 'cleared' then 1 else 0 end) as cleared
    from {{ source('service', 'prefill_outcome') }}
    group by transaction_id
)

select
    {{ month_of(local_on('record.logtime')) }} as month_on,
    coalesce(record.purpose, '') as service_item,
    count(*) as prefills,
    count(noted.transaction_id) as prefills_noted,
    cast(coalesce(sum(noted.kept), 0) as bigint) as fields_kept,
    cast(coalesce(sum(noted.changed), 0) as bigint) as fields_changed,
    cast(coalesce(sum(noted.cleared), 0) as bigint) as fields_cleared
from {{ source('service', 'record') }} as record
left join noted on noted.transaction_id = record.transaction_id
where record.action = 'prefill' and record.outcome = 'allowed'
group by {{ month_of(local_on('record.logtime')) }}, coalesce(record.purpose, '')
