-- Energy per day
-- Energy, readings and half hours of each date: 46, 48 or 50 half hours where nothing is missing.
SELECT reference_date, sum(total_consumption_kwh) AS total_kwh, sum(meterpoint_count) AS readings, count(*) AS half_hours
FROM analytics.half_hourly_consumption
WHERE reference_date BETWEEN :'first' AND :'last'
GROUP BY reference_date
ORDER BY reference_date
