{{ config(enabled=requires('finance.accounts: project_no balance frozen in_transit as_of')) }}

select
    project_no,
    balance,
    coalesce(frozen, 0) as frozen,
    coalesce(in_transit, 0) as in_transit,
    balance - coalesce(frozen, 0) - coalesce(in_transit, 0) as available,
    as_of
from {{ ref('stg_finance__accounts') }}
