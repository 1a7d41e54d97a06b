-- Least complete meterpoints
-- The hundred meterpoints that lack most readings over the chosen dates.
SELECT meterpoint_id, sum(expected_readings) AS expected, sum(received_readings) AS received,
       sum(expected_readings - received_readings) AS missing, sum(rejected_readings) AS rejected
FROM analytics.meterpoint_completeness
WHERE reference_date BETWEEN :'first' AND :'last'
GROUP BY meterpoint_id
HAVING sum(expected_readings - received_readings) > 0
ORDER BY missing DESC, meterpoint_id
LIMIT 100
