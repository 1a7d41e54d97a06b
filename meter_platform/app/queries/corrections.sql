-- Corrections and what they changed
-- Half hours whose value another delivery replaced, with the value before and now.
SELECT s.meterpoint_id, s.interval_start, s.register, s.consumption_delta AS before_kwh, r.consumption_delta AS now_kwh,
       r.consumption_delta - s.consumption_delta AS change_kwh, s.replaced_at
FROM raw_data.superseded_readings AS s
LEFT JOIN raw_data.raw_meter_readings AS r USING (reference_date, meterpoint_id, interval_start, register, serial)
WHERE s.reference_date BETWEEN :'first' AND :'last'
ORDER BY s.meterpoint_id, s.interval_start, s.register
LIMIT 10000
