{%- set registers = {'academic.students': 'student_no', 'graduate.students': 'grad_student_no'} -%}
{%- set items = ': student_no student_kind status level enrolled_on expected_graduation_on college major_code' -%}
{{ config(enabled=requires_any('academic.students' ~ items, 'graduate.students' ~ items)) }}

with students as (
{%- set present = [] -%}
{%- for register in registers if requires(register ~ items) -%}{%- do present.append(register) -%}{%- endfor %}
{%- for register in present %}
    {% if not loop.first %}union all{% endif %}
    select
        '{{ registers[register] }}' as id_type,
        student_no,
        student_kind,
        status,
        level,
        enrolled_on,
        expected_graduation_on,
        college,
        major_code,
        {{ is_enrolled() }} as is_enrolled,
        _state in ('reported', 'released', 'refused') as is_reported
    from {{ ref('stg_' ~ register | replace('.', '__')) }}
{%- endfor %}
)

select
    students.id_type,
    students.student_no,
    cast(links.subject_id as bigint) as subject_id,
    students.student_kind,
    students.status,
    students.level,
    students.enrolled_on,
    students.expected_graduation_on,
    students.college,
    students.major_code,
    students.is_enrolled,
    students.is_reported
from students
left join {{ source('raw', 'links') }} as links
    on links.type = 'person' and links.id_type = students.id_type and links.key = students.student_no
