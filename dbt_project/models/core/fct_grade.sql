{%- set registers = {'academic.grades': 'student_no', 'graduate.grades': 'grad_student_no'} -%}
{%- set items = ': student_no term course_no grade_kind course_name credit course_kind score grade_point' -%}
{{ config(enabled=requires_any('academic.grades' ~ items, 'graduate.grades' ~ items)) }}

{%- set present = [] -%}
{%- for register in registers if requires(register ~ items) -%}{%- do present.append(register) -%}{%- endfor %}
{%- for register in present %}
{% if not loop.first %}union all{% endif %}
select
    '{{ registers[register] }}' as id_type,
    student_no,
    term,
    course_no,
    grade_kind,
    course_name,
    credit,
    course_kind,
    score,
    grade_point,
    score >= 60 or grade_kind in ('5', '8') as is_passed
from {{ ref('stg_' ~ register | replace('.', '__')) }}
{%- endfor %}
