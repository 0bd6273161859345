{# The grain: no two rows share these columns, and none of them is null. Counts, never shows. #}
{% test unique_combination(model, columns) %}
select 1 as broken
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
   or count(*) <> min({% for column in columns %}(case when {{ column }} is null then 0 else 1 end){% if not loop.last %} * {% endif %}{% endfor %}) * count(*)
{% endtest %}
