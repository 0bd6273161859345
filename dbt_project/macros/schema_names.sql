{# Everything of one release is built into one schema, whatever folder a model is in. #}
{% macro generate_schema_name(custom_schema_name, node) %}
  {{- target.schema -}}
{% endmacro %}
