{{ config(enabled=requires(
    'finance.incoming_payments: payment_no payer amount memo claim_status project_no',
    'research.contracts: contract_no project_no party_a amount')) }}

{# What speaks for a contract: its number or its project's stands whole in the memo, its client is the payer, the amount is the
   contract's or what of it has not come yet. The amount alone proposes nothing: round sums are everywhere. #}
with arrived as (
    select project_no, sum(amount) as amount
    from {{ ref('stg_finance__incoming_payments') }}
    where claim_status in ('1', '2') and project_no is not null
    group by project_no
),

weighed as (
    select
        payments.payment_no,
        contracts.contract_no,
        contracts.project_no,
        coalesce({{ stands_whole('contracts.contract_no', 'payments.memo') }}, false)
            or coalesce({{ stands_whole('contracts.project_no', 'payments.memo') }}, false) as is_by_memo,
        contracts.party_a = payments.payer as is_by_payer,
        payments.amount = contracts.amount
            or payments.amount = contracts.amount - coalesce(arrived.amount, 0) as is_by_amount
    from {{ ref('stg_finance__incoming_payments') }} as payments
    cross join {{ ref('stg_research__contracts') }} as contracts
    left join arrived on arrived.project_no = contracts.project_no
    where payments.claim_status = '0'
)

select
    payment_no,
    contract_no,
    project_no,
    is_by_memo,
    is_by_payer,
    is_by_amount,
    case when is_by_memo then 4 else 0 end + case when is_by_payer then 2 else 0 end
        + case when is_by_amount then 1 else 0 end as weight
from weighed
where is_by_memo or is_by_payer
