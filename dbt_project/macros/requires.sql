{#
  Whether this campus's catalog has what a model reads; a model says so in its config:

      {{ config(enabled=requires('academic.students: student_no name status', 'hall.cases')) }}

  Each argument names a resource and, after a colon, the items that the model cannot do without.
  The catalog's resources come from the variable `yici_resources`, written when the project is assembled.
#}
{% macro requires() %}
  {%- set catalog = var('yici_resources', {}) -%}
  {%- set missing = [] -%}
  {%- for wanted in varargs -%}
    {%- set resource = wanted.split(':')[0].strip() -%}
    {%- set items = wanted.split(':')[1].split() if ':' in wanted else [] -%}
    {%- if resource not in catalog -%}
      {%- do missing.append(resource) -%}
    {%- else -%}
      {%- for item in items if item not in catalog[resource] -%}
        {%- do missing.append(resource ~ '.' ~ item) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {{- return(missing | length == 0) -}}
{% endmacro %}

{# Whether at least one of the resources is there: for models that unite what several systems hold. #}
{% macro requires_any() %}
  {%- set found = [] -%}
  {%- for wanted in varargs if requires(wanted) -%}
    {%- do found.append(wanted) -%}
  {%- endfor -%}
  {{- return(found | length > 0) -}}
{% endmacro %}

{# An item if the catalog has it, else a typed null: `{{ optional('hr.staff', 'title', 's') }}`. #}
{% macro optional(resource, item, alias=none, type='text') %}
  {%- if requires(resource ~ ': ' ~ item) -%}
    {{- (alias ~ '.' if alias else '') ~ item -}}
  {%- else -%}
    cast(null as {{ type }})
  {%- endif -%}
{% endmacro %}
