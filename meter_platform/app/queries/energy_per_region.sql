-- Energy per region
-- Energy of each region and date, from the readings themselves.
SELECT r.reference_date, coalesce(m.region, 'unknown') AS region, sum(r.consumption_delta) AS total_kwh,
       count(DISTINCT r.meterpoint_id) AS meterpoints
FROM raw_data.raw_meter_readings AS r
LEFT JOIN raw_data.raw_meterpoints AS m USING (reference_date, meterpoint_id)
WHERE r.reference_date BETWEEN :'first' AND :'last'
GROUP BY r.reference_date, coalesce(m.region, 'unknown')
ORDER BY r.reference_date, region
