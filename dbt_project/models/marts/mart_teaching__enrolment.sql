{%- set items = ': student_no student_kind status level enrolled_on expected_graduation_on college major_code' -%}
{{ config(enabled=requires_any('academic.students' ~ items, 'graduate.students' ~ items)) }}

select
    coalesce(students.college, '') as college,
    max(units.name_zh) as college_name,
    students.id_type,
    coalesce(students.student_kind, '') as student_kind,
    students.status,
    count(*) as students,
    sum(case when students.is_enrolled then 1 else 0 end) as enrolled,
    sum(case when not students.is_reported then 1 else 0 end) as no_longer_reported,
    sum(case when staff.subject_id is not null then 1 else 0 end) as also_staff
from {{ ref('dim_student') }} as students
left join {{ ref('dim_unit') }} as units on units.unit = students.college
left join (
    select distinct subject_id from {{ source('raw', 'links') }} where type = 'person' and id_type = 'staff_no'
) as staff on staff.subject_id = students.subject_id
group by coalesce(students.college, ''), students.id_type, coalesce(students.student_kind, ''), students.status
