{{ config(enabled=requires(
    'research.projects: project_no project_name level category kind leader_staff_no unit approved_on starts_on ends_on'
    ~ ' approved_amount status')) }}

select
    project_no,
    project_name,
    level,
    category,
    kind,
    leader_staff_no,
    unit,
    approved_on,
    starts_on,
    ends_on,
    approved_amount,
    status,
    (status in ('1', '3') and ends_on < {{ as_of_on() }}) as is_overdue
from {{ ref('stg_research__projects') }}
