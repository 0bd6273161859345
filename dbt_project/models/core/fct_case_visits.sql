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
)

select
    cases.case_no,
    cases.visits as recorded_visits,
    cast(coalesce(shown.visits, 0) as integer) as shown_visits,
    cast(coalesce(shown.correction_visits, 0) as integer) as correction_visits,
    cast(greatest(cases.visits, coalesce(shown.visits, 0)) as integer) as real_visits
from {{ ref('fct_case') }} as cases
left join shown on shown.case_no = cases.case_no
