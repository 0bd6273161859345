{# The actions are those that answer with an element. At a window the portal asks, by the rights of the system whose
   case it is, which the entry's rule names. #}
with answered as (
    select
        case when action = 'window' then split_part(split_part(rule, ';', 1), 'window of ', 2) else client_id end
            as client_id,
        coalesce(purpose, '') as purpose,
        unnest(elements) as element,
        logtime
    from {{ source('service', 'record') }}
    where outcome = 'allowed'
        and action in ('facts', 'prefill', 'claims', 'window', 'certificate_issue', 'task_aggregate', 'task_row')
)

select
    client_id,
    purpose,
    element,
    count(*) as times,
    max({{ local_on('logtime') }}) as last_on
from answered
group by client_id, purpose, element
