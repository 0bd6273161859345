{# A condition every row must meet; unknown counts as broken. #}
{% test holds(model, condition) %}
select 1 as broken
from {{ model }}
where ({{ condition }}) is not true
{% endtest %}
