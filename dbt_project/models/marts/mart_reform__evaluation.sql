{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round',
    'hall.evaluations: case_no stars evaluated_at replied_at')) }}

{# Levels 1 and 2 are poor (差评): each of them is called back, within `limits_days.answerPoorEvaluation` working days of
   the campus. Levels of evaluation_levels. #}
{%- set limit_days = var('yici_limits_days', {}).get('answerPoorEvaluation', 5) %}
with evaluations as (
    select
        *,
        {{ local_on('evaluated_at') }} as evaluated_on,
        {{ local_on('replied_at') }} as replied_on,
        stars in ('1', '2') as is_poor
    from {{ ref('stg_hall__evaluations') }}
)

select
    {{ month_of('evaluations.evaluated_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    count(*) as evaluations,
    sum(case when evaluations.stars = '5' then 1 else 0 end) as level_5,
    sum(case when evaluations.stars = '4' then 1 else 0 end) as level_4,
    sum(case when evaluations.stars = '3' then 1 else 0 end) as level_3,
    sum(case when evaluations.stars = '2' then 1 else 0 end) as level_2,
    sum(case when evaluations.stars = '1' then 1 else 0 end) as level_1,
    cast(avg(case when evaluations.stars in ('3', '4', '5') then 1.0 when evaluations.is_poor then 0.0 end) as numeric(6, 4)) as satisfied_share,
    sum(case when evaluations.is_poor and evaluations.replied_at is not null then 1 else 0 end) as poor_called_back,
    sum(case when evaluations.is_poor and evaluations.replied_at is null then 1 else 0 end) as poor_waiting,
    cast(max(case when evaluations.is_poor and evaluations.replied_at is null
        then {{ days_between('evaluations.evaluated_on', as_of_on()) }} end) as integer) as longest_wait_days,
    cast(avg(case when evaluations.is_poor then replying.working_no - evaluating.working_no end)
        as numeric(12, 2)) as mean_working_days_to_call_back,
    cast({{ limit_days }} as integer) as limit_working_days,
    sum(case when evaluations.is_poor
        and coalesce(replying.working_no, presently.working_no) - evaluating.working_no > {{ limit_days }}
        then 1 else 0 end) as poor_beyond_limit
from evaluations
inner join {{ ref('fct_case') }} as cases on cases.case_no = evaluations.case_no
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
left join {{ ref('dim_campus_day') }} as evaluating on evaluating.day_on = evaluations.evaluated_on
left join {{ ref('dim_campus_day') }} as replying on replying.day_on = evaluations.replied_on
left join {{ ref('dim_campus_day') }} as presently on presently.day_on = {{ as_of_on() }}
group by {{ month_of('evaluations.evaluated_on') }}, cases.service_item
