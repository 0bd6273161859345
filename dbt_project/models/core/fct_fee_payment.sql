{%- set registers = ['finance.fee_payments', 'finance.graduate_fee_payments'] -%}
{%- set items = ': student_no school_year tuition_due lodging_due paid waived owed cleared deferred cleared_on' -%}
{{ config(enabled=requires_any(registers[0] ~ items, registers[1] ~ items)) }}

{%- set present = [] -%}
{%- for register in registers if requires(register ~ items) -%}{%- do present.append(register) -%}{%- endfor %}
{%- for register in present %}
{% if not loop.first %}union all{% endif %}
select
    '{{ 'grad_student_no' if 'graduate' in register else 'student_no' }}' as id_type,
    student_no,
    school_year,
    tuition_due,
    coalesce(lodging_due, 0) as lodging_due,
    paid,
    coalesce(waived, 0) as waived,
    owed,
    cleared as is_cleared,
    coalesce(deferred, false) as is_deferred,
    cleared_on
from {{ ref('stg_' ~ register | replace('.', '__')) }}
{%- endfor %}
