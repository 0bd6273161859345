{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way handed_at',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round asked_at answered_at',
    'hall.appointments: appointment_no service_item applicant_no campus slot_at state')) }}

with shown as (
    select
        case_no,
        sum(case when is_for_correction then 0 else 1 end) as visits,
        sum(case when is_for_correction then 1 else 0 end) as correction_visits
    from {{ ref('fct_visit') }}
    group by case_no
),

cases as (
    select
        cases.*,
        coalesce(shown.visits, 0) as shown_visits,
        coalesce(shown.correction_visits, 0) as correction_visits,
        greatest(cases.visits, coalesce(shown.visits, 0)) as real_visits
    from {{ ref('fct_case') }} as cases
    left join shown on shown.case_no = cases.case_no
    where cases.is_closed
)

select
    {{ month_of('cases.closed_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    cast(max(items.promised_visits) as integer) as promised_visits,
    count(*) as cases_closed,
    sum(case when cases.real_visits = 0 then 1 else 0 end) as real_without_visit,
    sum(case when cases.real_visits = 1 then 1 else 0 end) as real_with_one_visit,
    sum(case when cases.real_visits > 1 then 1 else 0 end) as real_with_more_visits,
    cast(avg(case when cases.visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as recorded_at_most_once_share,
    cast(avg(case when cases.real_visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as real_at_most_once_share,
    sum(case when cases.shown_visits > cases.visits then 1 else 0 end) as cases_with_more_shown,
    sum(case when cases.real_visits > items.promised_visits then 1 else 0 end) as cases_beyond_promise,
    sum(case when cases.correction_rounds > 0 then 1 else 0 end) as cases_corrected,
    sum(case when cases.correction_visits > 0 then 1 else 0 end) as cases_with_correction_visit
from cases
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
group by {{ month_of('cases.closed_on') }}, cases.service_item
