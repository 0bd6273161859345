{# Whether a number stands in a text as a whole: HT-1 is not in HT-10, nor in XHT-1 or HT-1-2; Chinese and signs beside
   it part it from the rest. It is sought as it is first: most texts do not have it at all. #}
{% macro stands_whole(number, text) %}{{ return(adapter.dispatch('stands_whole', 'yici')(number, text)) }}{% endmacro %}
{% macro default__stands_whole(number, text) -%}
  case when position({{ number }} in {{ text }}) = 0 then false
       else {{ text }} ~ ('(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)'
           || regexp_replace({{ number }}, '([][\\^$*+?.(){}|])', '\\\1', 'g') || '(?!-?[0-9A-Za-z])') end
{%- endmacro %}
{% macro spark__stands_whole(number, text) -%}
  {{ text }} rlike concat('(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)\\Q', {{ number }}, '\\E(?!-?[0-9A-Za-z])')
{%- endmacro %}
