-- Sums and counts, not means: the mean of any days is the quotient of their sums, and exact until it is divided.
select readings.reference_date,
       active.display_name as product_display_name,
       readings.interval_start as datetime,
       (readings.interval_start at time zone '{{ var('timezone') }}')::time as local_time,
       case when extract(isodow from readings.reference_date) >= 6 then 'weekend' else 'weekday' end as day_kind,
       active.is_export,
       count(*) as meterpoint_count,
       sum(readings.consumption_delta) as total_consumption_kwh,
       now() as loaded_at
from {{ source('raw_data', 'raw_meter_readings') }} as readings
join {{ source('analytics', 'active_agreements') }} as active using (reference_date, meterpoint_id)
where {{ in_run('readings.reference_date') }} and {{ in_run('active.reference_date') }} and active.is_sole
group by readings.reference_date, active.display_name, readings.interval_start, active.is_export
