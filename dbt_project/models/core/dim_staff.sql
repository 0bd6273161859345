{{ config(enabled=requires('hr.staff: staff_no establishment status joined_on unit')) }}

select
    staff.staff_no,
    cast(links.subject_id as bigint) as subject_id,
    staff.establishment,
    staff.status,
    staff.joined_on,
    staff.unit,
    {{ is_employed() }} as is_employed,
    staff._state in ('reported', 'released', 'refused') as is_reported
from {{ ref('stg_hr__staff') }} as staff
left join {{ source('raw', 'links') }} as links
    on links.type = 'person' and links.id_type = 'staff_no' and links.key = staff.staff_no
