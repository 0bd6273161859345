{{ config(enabled=requires(
    'hall.cases: case_no service_item applicant_no channel campus status submitted_at closed_at',
    'hall.case_materials: case_no way handed_at',
    'hall.appointments: appointment_no service_item applicant_no campus slot_at state',
    'hall.corrections: case_no asked_at answered_at')) }}

{# A visit is person x place x half-day, from the day the case was handed in. What shows one: the case was handed in at a
   window, a paper was handed in or an original shown for it, whenever that was, and an appointment of the applicant or the
   agent that was served for the same item until the case was closed. What came by post shows nobody. The hall has no word
   of a result that was fetched. Who is shown twice in one half-day at one place came once. What was brought because a
   correction (补正) had asked for it is counted apart. Codes of case_channels: 1 window, 5 post. #}
with cases as (
    select * from {{ ref('stg_hall__cases') }}
),

comers as (
    select case_no, applicant_no as comer_no from cases
    {%- if requires('hall.cases: agent_no') %}
    union
    select case_no, agent_no from cases where agent_no is not null
    {%- endif %}
),

shown as (
    select
        case_no,
        campus as place,
        submitted_at as at,
        'submission' as shown_by
    from cases
    where channel = '1'
    union all
    select
        cases.case_no,
        cases.campus,
        materials.handed_at,
        'material'
    from {{ ref('stg_hall__case_materials') }} as materials
    inner join cases on cases.case_no = materials.case_no
    where materials.way in ('paper', 'original') and materials.handed_at is not null
        and coalesce(cases.channel, '') <> '5'
    union all
    select
        cases.case_no,
        coalesce(appointments.campus, cases.campus),
        appointments.slot_at,
        'appointment'
    from {{ ref('stg_hall__appointments') }} as appointments
    inner join comers on comers.comer_no = appointments.applicant_no
    inner join cases
        on cases.case_no = comers.case_no
        and cases.service_item = appointments.service_item
        and {{ local_on('appointments.slot_at') }} >= {{ local_on('cases.submitted_at') }}
        and (cases.closed_at is null or appointments.slot_at <= cases.closed_at)
    where appointments.state = '3'
),

placed as (
    select
        case_no,
        coalesce(place, '') as place,
        {{ local_on('at') }} as visit_on,
        {{ half_day('at') }} as half_day,
        shown_by,
        exists (
            select 1 from {{ ref('stg_hall__corrections') }} as corrections
            where corrections.case_no = shown.case_no and corrections.asked_at < shown.at
            and (corrections.answered_at is null or shown.at <= corrections.answered_at)
        ) as is_asked_for
    from shown
)

select
    case_no,
    place,
    visit_on,
    half_day,
    sum(case when shown_by = 'submission' then 1 else 0 end) as submissions,
    sum(case when shown_by = 'material' then 1 else 0 end) as materials,
    sum(case when shown_by = 'appointment' then 1 else 0 end) as appointments,
    sum(case when is_asked_for then 0 else 1 end) = 0 as is_for_correction
from placed
group by case_no, place, visit_on, half_day
