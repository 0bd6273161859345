{{ config(enabled=requires(
    'derived.project_balance: project_no balance frozen in_transit available as_of',
    'research.projects: project_no project_name level category kind leader_staff_no unit approved_on starts_on ends_on'
    ~ ' approved_amount status',
    'research.budgets: project_no amount adjusted',
    'research.contracts: project_no amount')) }}

select
    coalesce(unit, '') as unit,
    count(*) as projects,
    sum(case when has_account then 1 else 0 end) as projects_with_account,
    sum(budget) as budget,
    sum(contracted) as contracted,
    sum(balance) as balance,
    sum(frozen) as frozen,
    sum(in_transit) as in_transit,
    sum(available) as available,
    min(as_of) as oldest_as_of,
    max(as_of) as newest_as_of
from {{ ref('mart_research__project_funds') }}
group by coalesce(unit, '')
