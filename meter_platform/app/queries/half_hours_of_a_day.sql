-- Half hours of the newest day
-- Energy and meterpoints of each half hour of the newest of the chosen dates, in local time.
SELECT datetime, settlement_period, meterpoint_count, total_consumption_kwh
FROM analytics.half_hourly_consumption
WHERE reference_date = (
  SELECT max(reference_date) FROM analytics.half_hourly_consumption WHERE reference_date BETWEEN :'first' AND :'last'
)
ORDER BY datetime
