{{ config(enabled=requires('graduate.students: student_no status')) }}

select
    student_no,
    {{ is_enrolled() }} as is_enrolled
from {{ ref('stg_graduate__students') }}
