{# The actions are those that answer with an element. #}
with answered as (
    select client_id, coalesce(purpose, '') as purpose, unnest(elements) as element, logtime
    from {{ source('service', 'record') }}
    where outcome = 'allowed' and action in ('facts', 'prefill', 'claims', 'task_aggregate')
)

select
    client_id,
    purpose,
    element,
    count(*) as times,
    max({{ local_on('logtime') }}) as last_on
from answered
group by client_id, purpose, element
