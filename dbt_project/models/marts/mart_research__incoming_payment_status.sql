{{ config(enabled=requires(
    'finance.incoming_payments: payment_no received_on payer amount memo claim_status project_no claimed_at',
    'research.contracts: contract_no project_no party_a amount')) }}

select
    {{ month_of('received_on') }} as month_on,
    claim_status,
    count(*) as payments,
    sum(amount) as amount,
    sum(case when is_claimed and not project_has_contract then 1 else 0 end) as claimed_without_contract,
    cast(avg(days_to_claim) as numeric(12, 2)) as mean_days_to_claim,
    max(days_waiting) as longest_wait_days,
    sum(case when days_waiting > 30 then 1 else 0 end) as waiting_over_30_days,
    sum(case when proposed_project_no is not null then 1 else 0 end) as with_one_proposal
from {{ ref('fct_incoming_payment') }}
group by {{ month_of('received_on') }}, claim_status
