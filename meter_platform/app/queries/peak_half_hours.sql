-- Highest half hours
-- The twenty half hours of the chosen dates with the most energy, and how much that is for a meterpoint.
SELECT datetime, settlement_period, total_consumption_kwh, meterpoint_count,
       round(total_consumption_kwh / meterpoint_count, 4) AS kwh_per_meterpoint
FROM analytics.half_hourly_consumption
WHERE reference_date BETWEEN :'first' AND :'last'
ORDER BY total_consumption_kwh DESC, datetime
LIMIT 20
