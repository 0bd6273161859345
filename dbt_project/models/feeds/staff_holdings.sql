{{ config(enabled=requires('hr.staff: staff_no', 'assets.assets: holder_no status',
                           'assets.public_housing: staff_no returned_on')) }}

with assets as (
    select holder_no, count(*) as held
    from {{ ref('stg_assets__assets') }}
    where status not in ('6', '7')
    group by holder_no
),

flats as (
    select staff_no, count(*) as held
    from {{ ref('stg_assets__public_housing') }}
    where returned_on is null
    group by staff_no
)

select
    staff.staff_no,
    coalesce(assets.held, 0) as assets_held,
    coalesce(assets.held, 0) = 0 as assets_cleared,
    coalesce(flats.held, 0) as flats_held,
    coalesce(flats.held, 0) = 0 as housing_cleared
from {{ ref('stg_hr__staff') }} as staff
left join assets on assets.holder_no = staff.staff_no
left join flats on flats.staff_no = staff.staff_no
