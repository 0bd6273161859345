{{ config(enabled=requires(
    'finance.incoming_payments: payment_no received_on payer amount memo claim_status project_no claimed_at',
    'research.contracts: contract_no project_no party_a amount')) }}

{# For finding whose money it is, not for claiming somebody else's: payer and amount are masked. A short payer may be a
   person's name and is not shown at all. #}
select
    cast(row_number() over (order by received_on, payment_no) as integer) as place,
    received_on,
    case when length(payer) >= 6 then left(payer, 2) || '＊＊＊' || right(payer, 2) else '＊＊＊' end as payer_masked,
    case when amount < 10000 then '1 万元以下' when amount < 100000 then '1 万至 10 万元'
         when amount < 1000000 then '10 万至 100 万元' else '100 万元以上' end as amount_band,
    days_waiting,
    case when days_waiting <= 7 then '7 天以内' when days_waiting <= 30 then '8 至 30 天'
         when days_waiting <= 90 then '31 至 90 天' else '90 天以上' end as ageing_band,
    proposed_contracts,
    proposed_project_no,
    proposed_by
from {{ ref('fct_incoming_payment') }}
where claim_status = '0'
