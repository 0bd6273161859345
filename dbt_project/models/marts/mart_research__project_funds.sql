{{ config(enabled=requires(
    'derived.project_balance: project_no balance frozen in_transit available as_of',
    'research.projects: project_no project_name level category kind leader_staff_no unit approved_on starts_on ends_on'
    ~ ' approved_amount status',
    'research.budgets: project_no amount adjusted',
    'research.contracts: project_no amount')) }}

with budgets as (
    select project_no, sum(amount + coalesce(adjusted, 0)) as budget
    from {{ ref('stg_research__budgets') }}
    group by project_no
),

contracts as (
    select project_no, sum(amount) as contracted
    from {{ ref('stg_research__contracts') }}
    group by project_no
)

select
    projects.project_no,
    projects.project_name,
    projects.unit,
    projects.status,
    budgets.budget,
    contracts.contracted,
    funds.balance,
    funds.frozen,
    funds.in_transit,
    funds.available,
    funds.as_of,
    funds.project_no is not null as has_account
from {{ ref('dim_project') }} as projects
left join {{ ref('stg_derived__project_balance') }} as funds on funds.project_no = projects.project_no
left join budgets on budgets.project_no = projects.project_no
left join contracts on contracts.project_no = projects.project_no
