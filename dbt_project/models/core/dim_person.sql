{# Documents are linked too, but their numbers are no attribute that a mart needs. #}
select
    cast(subject_id as bigint) as subject_id,
    max(case when id_type = 'staff_no' then key end) as staff_no,
    max(case when id_type = 'student_no' then key end) as student_no,
    max(case when id_type = 'grad_student_no' then key end) as grad_student_no,
    cast(sum(case when id_type like 'doc:%' then 0 else 1 end) as integer) as number_count,
    cast(sum(case when id_type like 'doc:%' then 1 else 0 end) as integer) as document_count
from {{ source('raw', 'links') }}
where type = 'person'
group by subject_id
