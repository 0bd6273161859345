{{ config(enabled=requires(
    'finance.incoming_payments: payment_no received_on payer amount claim_status project_no claimed_at',
    'research.contracts: project_no party_a')) }}

with contracts as (
    select party_a, count(*) as contracts, min(project_no) as project_no
    from {{ ref('stg_research__contracts') }}
    group by party_a
),

contracted as (
    select distinct project_no from {{ ref('stg_research__contracts') }}
)

select
    payments.payment_no,
    payments.received_on,
    payments.payer,
    payments.amount,
    payments.claim_status,
    payments.claim_status in ('1', '2') as is_claimed,
    payments.project_no,
    contracted.project_no is not null as project_has_contract,
    cast({{ days_between('payments.received_on', local_on('payments.claimed_at')) }} as integer) as days_to_claim,
    case when payments.claim_status = '0'
         then cast({{ days_between('payments.received_on', as_of_on()) }} as integer) end as days_waiting,
    case when payments.claim_status = '0' then cast(coalesce(contracts.contracts, 0) as integer) end as proposed_contracts,
    case when payments.claim_status = '0' and contracts.contracts = 1 then contracts.project_no end as proposed_project_no
from {{ ref('stg_finance__incoming_payments') }} as payments
left join contracts on contracts.party_a = payments.payer
left join contracted on contracted.project_no = payments.project_no
