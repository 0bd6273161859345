{# Whether a student of a register studies here now: true and false are statements. Somebody whom the register no
   longer reports while the last status was an active one is neither: nobody said that the person left. Codes of
   student_status (JY/T 0633): 01 在读, 14 延长学制. #}
{% macro is_enrolled() -%}
  case when status not in ('01', '14') then false
       when _state in ('reported', 'released', 'refused') then true end
{%- endmacro %}

{# The same for staff. Codes of staff_status (JY/T 0633): 01 在职, 05 返聘. #}
{% macro is_employed() -%}
  case when status not in ('01', '05') then false
       when _state in ('reported', 'released', 'refused') then true end
{%- endmacro %}
