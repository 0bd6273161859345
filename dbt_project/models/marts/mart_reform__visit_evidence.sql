{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_kind applicant_no channel campus lead_unit status submitted_at accepted_at'
    ~ ' promised_on closed_at visits',
    'hall.case_materials: case_no material way handed_at',
    'hall.case_steps: case_no seq unit',
    'hall.corrections: case_no round asked_at answered_at',
    'hall.appointments: appointment_no service_item applicant_no campus slot_at state')) }}

select
    {{ month_of('cases.closed_on') }} as month_on,
    cases.service_item,
    max(coalesce(items.name_zh, cases.service_item)) as name_zh,
    max(coalesce(items.lead_unit, cases.lead_unit)) as lead_unit,
    cast(max(items.promised_visits) as integer) as promised_visits,
    count(*) as cases_closed,
    sum(case when visits.real_visits = 0 then 1 else 0 end) as real_without_visit,
    sum(case when visits.real_visits = 1 then 1 else 0 end) as real_with_one_visit,
    sum(case when visits.real_visits > 1 then 1 else 0 end) as real_with_more_visits,
    sum(case when visits.recorded_visits <= 1 then 1 else 0 end) as recorded_at_most_once,
    cast(avg(case when visits.recorded_visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as recorded_at_most_once_share,
    cast(avg(case when visits.real_visits <= 1 then 1.0 else 0.0 end) as numeric(6, 4)) as real_at_most_once_share,
    sum(case when visits.shown_visits > visits.recorded_visits then 1 else 0 end) as cases_with_more_shown,
    sum(case when visits.real_visits > items.promised_visits then 1 else 0 end) as cases_beyond_promise,
    sum(case when cases.correction_rounds > 0 then 1 else 0 end) as cases_corrected,
    sum(case when visits.correction_visits > 0 then 1 else 0 end) as cases_with_correction_visit
from {{ ref('fct_case') }} as cases
inner join {{ ref('fct_case_visits') }} as visits on visits.case_no = cases.case_no
left join {{ ref('dim_service_item') }} as items on items.service_item = cases.service_item
where cases.is_closed
group by {{ month_of('cases.closed_on') }}, cases.service_item
