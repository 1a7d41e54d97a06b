-- Each meterpoint of which readings came counts once, whether or not the reference database knows it: regions add up.
select received.reference_date,
       coalesce(known.region, 'unknown') as region,
       count(*) as meterpoint_count,
       sum(received.total_consumption_kwh) as total_consumption_kwh,
       coalesce(sum(received.total_consumption_kwh) filter (where unattributed.reason is null), 0) as attributed_consumption_kwh,
       coalesce(sum(unattributed.total_consumption_kwh), 0) as unattributed_consumption_kwh,
       now() as loaded_at
from {{ source('analytics', 'meterpoint_completeness') }} as received
left join {{ source('raw_data', 'raw_meterpoints') }} as known using (reference_date, meterpoint_id)
left join {{ source('analytics', 'unattributed_consumption') }} as unattributed using (reference_date, meterpoint_id)
where {{ in_run('received.reference_date') }} and received.received_readings > 0
group by 1, 2
