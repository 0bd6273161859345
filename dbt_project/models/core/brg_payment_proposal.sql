{{ config(enabled=requires(
    'finance.incoming_payments: payment_no payer amount memo claim_status project_no',
    'research.contracts: contract_no project_no party_a amount')) }}

{%- set has_projects = requires('research.projects: project_no project_name approved_amount') %}

{# What speaks for a contract: its number or its project's stands whole in the memo, so does the project's name, its client
   is the payer, the amount is the contract's or what of it has not come yet. A project without a contract has no client:
   memo and amount speak for it. The amount alone proposes nothing: round sums are everywhere. #}
with arrived as (
    select project_no, sum(amount) as amount
    from {{ ref('stg_finance__incoming_payments') }}
    where claim_status in ('1', '2') and project_no is not null
    group by project_no
),

payable as (
    select
        contracts.contract_no,
        contracts.project_no,
        {{ 'projects.project_name' if has_projects else 'cast(null as text)' }} as project_name,
        contracts.party_a as client,
        contracts.amount
    from {{ ref('stg_research__contracts') }} as contracts
    {%- if has_projects %}
    left join {{ ref('stg_research__projects') }} as projects on projects.project_no = contracts.project_no
    union all
    select
        '',
        projects.project_no,
        projects.project_name,
        null,
        projects.approved_amount
    from {{ ref('stg_research__projects') }} as projects
    where not exists (
        select 1 from {{ ref('stg_research__contracts') }} as contracts where contracts.project_no = projects.project_no
    )
    {%- endif %}
),

weighed as (
    select
        payments.payment_no,
        payable.contract_no,
        payable.project_no,
        coalesce({{ stands_whole('payable.contract_no', 'payments.memo') }}, false) and payable.contract_no <> ''
            or coalesce({{ stands_whole('payable.project_no', 'payments.memo') }}, false) as is_by_number,
        coalesce(length(payable.project_name) >= 4 and position(payable.project_name in payments.memo) > 0, false)
            as is_by_name,
        coalesce(payable.client = payments.payer, false) as is_by_payer,
        coalesce(payments.amount in (payable.amount, payable.amount - coalesce(arrived.amount, 0)), false)
            as is_by_amount
    from {{ ref('stg_finance__incoming_payments') }} as payments
    cross join payable
    left join arrived on arrived.project_no = payable.project_no
    where payments.claim_status = '0'
)

select
    payment_no,
    contract_no,
    project_no,
    is_by_number,
    is_by_name,
    is_by_payer,
    is_by_amount,
    case when is_by_number then 8 else 0 end + case when is_by_name then 4 else 0 end
        + case when is_by_payer then 2 else 0 end + case when is_by_amount then 1 else 0 end as weight
from weighed
where is_by_number or is_by_name or is_by_payer
