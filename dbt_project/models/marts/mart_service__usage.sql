select
    {{ month_of(local_on('logtime')) }} as month_on,
    client_id,
    coalesce(purpose, '') as purpose,
    action,
    outcome,
    case when outcome = 'allowed' then '' else rule end as reason,
    count(*) as requests
from {{ source('service', 'record') }}
where {{ local_on('logtime') }} <= {{ as_of_on() }}
group by {{ month_of(local_on('logtime')) }}, client_id, coalesce(purpose, ''), action, outcome,
    case when outcome = 'allowed' then '' else rule end
