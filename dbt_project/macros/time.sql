{# The campus's day on which the pinned release was opened: what `today` means to every model, so that a
   release replayed next year still says the same. #}
{% macro as_of_on() %}{{ return(adapter.dispatch('as_of_on', 'yici')()) }}{% endmacro %}
{% macro default__as_of_on() -%}
  (select {{ local_on('opened_at') }} from {{ source('yici', 'release') }}
   where id = cast(current_setting('yici.release') as integer))
{%- endmacro %}
{% macro spark__as_of_on() -%}
  (select {{ local_on('opened_at') }} from {{ source('yici', 'release') }} where id = {{ env_var('YICI_RELEASE') }})
{%- endmacro %}

{# The campus's calendar day of a moment (stored in UTC). #}
{% macro local_on(moment) %}{{ return(adapter.dispatch('local_on', 'yici')(moment)) }}{% endmacro %}
{% macro default__local_on(moment) -%}
  cast({{ moment }} at time zone '{{ var("yici_time_zone", "Asia/Shanghai") }}' as date)
{%- endmacro %}
{% macro spark__local_on(moment) -%}
  to_date(from_utc_timestamp({{ moment }}, '{{ var("yici_time_zone", "Asia/Shanghai") }}'))
{%- endmacro %}

{# 0 before noon at the campus, 1 from noon on: a visit is person x place x half-day. #}
{% macro half_day(moment) %}{{ return(adapter.dispatch('half_day', 'yici')(moment)) }}{% endmacro %}
{% macro default__half_day(moment) -%}
  case when extract(hour from {{ moment }} at time zone '{{ var("yici_time_zone", "Asia/Shanghai") }}') < 12
       then 0 else 1 end
{%- endmacro %}
{% macro spark__half_day(moment) -%}
  case when hour(from_utc_timestamp({{ moment }}, '{{ var("yici_time_zone", "Asia/Shanghai") }}')) < 12
       then 0 else 1 end
{%- endmacro %}

{# Days between two dates, the later one second. #}
{% macro days_between(first_on, last_on) %}{{ return(adapter.dispatch('days_between', 'yici')(first_on, last_on)) }}{% endmacro %}
{% macro default__days_between(first_on, last_on) -%}({{ last_on }} - {{ first_on }}){%- endmacro %}
{% macro spark__days_between(first_on, last_on) -%}datediff({{ last_on }}, {{ first_on }}){%- endmacro %}

{# First day of a date's month, of its year. #}
{% macro month_of(day) %}{{ return(adapter.dispatch('first_of', 'yici')('month', day)) }}{% endmacro %}
{% macro year_of(day) %}{{ return(adapter.dispatch('first_of', 'yici')('year', day)) }}{% endmacro %}
{% macro default__first_of(period, day) -%}cast(date_trunc('{{ period }}', {{ day }}) as date){%- endmacro %}
