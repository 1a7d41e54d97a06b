-- The accounts that a year of 10,000 meterpoints leaves: fifty files a date, a rejected row of every thousand readings.
-- What the newest date's analytics hold is in year.sql.
INSERT INTO raw_data.source_file_versions
SELECT n, 's3://readings/' || n || '.json', md5(n::text), n::text, 500000, '2025-01-01Z'::timestamptz + n * interval '1 minute',
       NULL, NULL, 9610, 10, 0, 'read', NULL, '2025-01-01Z', '2025-01-01Z', ''
FROM generate_series(1, 365 * 50) AS n;
INSERT INTO raw_data.source_file_dates
SELECT n, '2025-01-01'::date + (n - 1) / 50, 9600, 9600, 0, 0, '2025-01-01Z', 0, 0 FROM generate_series(1, 365 * 50) AS n;
INSERT INTO raw_data.rejected_readings
SELECT 1 + n % 18250, 1 + n / 18250, '2025-01-01'::date + n % 365, 'm' || lpad((n % 10000)::text, 7, '0'),
       '["2025-01-01 00:00:00",-1,"m0000001"]', (ARRAY['negative', 'future', 'sentinel'])[1 + n % 3],
       'the value is below zero', '2025-01-01Z', -1
FROM generate_series(0, 182499) AS n;
INSERT INTO raw_data.partition_versions
SELECT d::date, name, row_number() OVER (), 480000, '', '', '2026-01-01Z'
FROM generate_series('2025-01-01'::date, '2025-12-31', '1 day') AS d, unnest(ARRAY[
  'raw_meter_readings', 'raw_agreements', 'raw_products', 'raw_meterpoints', 'rejected_readings', 'active_agreements',
  'half_hourly_consumption', 'daily_product_consumption', 'unattributed_consumption', 'meterpoint_completeness'
]) AS name;
