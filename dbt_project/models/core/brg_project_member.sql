{{ config(enabled=requires('research.members: project_no rank member_kind staff_no student_no role')) }}

select
    project_no,
    cast(rank as integer) as member_rank,
    role,
    staff_no,
    student_no
from {{ ref('stg_research__members') }}
