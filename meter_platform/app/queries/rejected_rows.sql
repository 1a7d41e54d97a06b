-- Rejected rows as delivered
-- The first thousand rejected rows with their file, their position in it and the reason.
SELECT f.url, r.source_position, r.reason, r.consumption_delta, r.detail, r.raw_text
FROM raw_data.rejected_readings AS r
JOIN raw_data.source_files AS f USING (source_file_id)
WHERE r.reference_date BETWEEN :'first' AND :'last' OR r.reference_date IS NULL
ORDER BY f.url, r.source_position
LIMIT 1000
