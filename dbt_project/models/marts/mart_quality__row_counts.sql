{%- set resources = var('yici_resources', {}) -%}
{{ config(enabled=(resources | length > 0)) }}

with counted as (
{%- for resource in resources %}
    {% if not loop.first %}union all{% endif %}
    select '{{ resource }}' as resource, _state, count(*) as rows, max(_from) as changed_in
    from {{ source('raw', resource | replace('.', '__')) }}
    group by _state
{%- endfor %}
)

select
    resources.resource,
    resources.name_zh,
    resources.system,
    resources.provider,
    coalesce(sum(counted.rows), 0) as rows_shown,
    coalesce(sum(case when counted._state in ('reported', 'released') then counted.rows end), 0) as rows_reported,
    coalesce(sum(case when counted._state in ('absent', 'former') then counted.rows end), 0) as rows_no_longer_reported,
    coalesce(sum(case when counted._state = 'refused' then counted.rows end), 0) as rows_refused,
    max(counted.changed_in) as last_changed_in
from {{ ref('dim_resource') }} as resources
left join counted on counted.resource = resources.resource
group by resources.resource, resources.name_zh, resources.system, resources.provider
