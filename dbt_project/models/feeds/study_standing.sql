{{ config(enabled=requires('academic.students: student_no status')) }}

select
    student_no,
    {{ is_enrolled() }} as is_enrolled
from {{ ref('stg_academic__students') }}
