{{ config(enabled=requires(
    'finance.incoming_payments: payment_no received_on payer amount memo claim_status project_no claimed_at',
    'research.contracts: contract_no project_no party_a amount')) }}

{# For finding whose money it is, not for claiming somebody else's: payer and amount are masked. What may be a
   person's name, a short payer, one with a middle dot or with Latin letters, is not shown at all. #}
select
    cast(row_number() over (order by received_on, payment_no) as integer) as place,
    received_on,
    case when length(payer) >= 6 and payer not like '%·%' and lower(payer) = upper(payer) then left(payer, 2) || '＊＊＊' || right(payer, 2) else '＊＊＊' end as payer_masked,
    case when amount < 10000 then 'below_10k' when amount < 100000 then '10k_to_100k'
         when amount < 1000000 then '100k_to_1m' else 'from_1m' end as amount_band,
    days_waiting,
    case when days_waiting <= 7 then 'to_7' when days_waiting <= 30 then '8_to_30'
         when days_waiting <= 90 then '31_to_90' else 'over_90' end as ageing_band,
    proposed_projects,
    proposed_project_no,
    proposed_by
from {{ ref('fct_incoming_payment') }}
where claim_status = '0'
