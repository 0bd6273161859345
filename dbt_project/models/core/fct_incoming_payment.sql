{{ config(enabled=requires(
    'finance.incoming_payments: payment_no received_on payer amount memo claim_status project_no claimed_at',
    'research.contracts: contract_no project_no party_a amount')) }}

with ranked as (
    select *, rank() over (partition by payment_no order by weight desc) as place
    from {{ ref('brg_payment_proposal') }}
),

proposed as (
    select
        payment_no,
        count(distinct coalesce(project_no, contract_no)) as projects,
        count(distinct case when place = 1 then coalesce(project_no, contract_no) end) as best,
        min(case when place = 1 then project_no end) as project_no,
        max(case when place = 1 then weight end) as weight
    from ranked
    group by payment_no
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
    case when payments.claim_status = '0' then cast(coalesce(proposed.projects, 0) as integer) end as proposed_projects,
    case when proposed.best = 1 then proposed.project_no end as proposed_project_no,
    case when proposed.best = 1 then case when proposed.weight >= 8 then 'number' when proposed.weight >= 4 then 'name'
         when proposed.weight = 3 then 'payer_and_amount' else 'payer' end end as proposed_by
from {{ ref('stg_finance__incoming_payments') }} as payments
left join proposed on proposed.payment_no = payments.payment_no
left join contracted on contracted.project_no = payments.project_no
