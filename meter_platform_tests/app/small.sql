-- 2021-10-30, 31 (the clocks go back: 50 half hours) and 2021-11-01 (one half hour missing), twenty meterpoints.
-- Half hour n has n/8 kWh, of which 1/40 is exported: 147, 159.375 and 145.75 kWh.
INSERT INTO analytics.half_hourly_consumption
SELECT start, day, n, 20, n * 0.125, n * 0.125 - 0.025, 0.025, '2021-11-02Z', 20, n * 0.125, 0
FROM (VALUES (date '2021-10-30', '2021-10-29 23:00Z'::timestamptz, 48), ('2021-10-31', '2021-10-30 23:00Z', 50),
             ('2021-11-01', '2021-11-01 00:00Z', 48)) AS days(day, midnight, periods)
CROSS JOIN LATERAL generate_series(1, periods) AS n
CROSS JOIN LATERAL (SELECT midnight + (n - 1) * interval '30 minutes' AS start)
WHERE NOT (day = '2021-11-01' AND n = 10);

INSERT INTO analytics.daily_product_consumption
SELECT product, reference_date, reference_date, is_export, meterpoints, used, '2021-11-02Z',
       CASE WHEN is_export THEN used ELSE 0 END, used, 0
FROM (SELECT reference_date, sum(total_consumption_kwh) AS kwh, sum(export_consumption_kwh) AS exported
      FROM analytics.half_hourly_consumption GROUP BY reference_date)
CROSS JOIN (VALUES ('Basic', false, 12), ('Flexible', false, 6), ('Outgoing Fix', true, 1)) AS p(product, is_export, meterpoints)
CROSS JOIN LATERAL (SELECT CASE product WHEN 'Basic' THEN kwh - 45 - exported WHEN 'Flexible' THEN 40 ELSE exported END AS used);

INSERT INTO analytics.unattributed_consumption
SELECT 'm20', day::date, 5, 48, 'ended', 3, '2021-11-02Z', 0, 5, 0 FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day;

INSERT INTO raw_data.raw_products
SELECT id, day::date, NULL, name, variable, '2021-11-02Z'
FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day,
     (VALUES ('p1', 'Basic', 0), ('p2', 'Flexible', 1), ('p3', 'Outgoing Fix', 0)) AS p(id, name, variable);

-- m01..m12 Basic, m13..m18 Flexible, m19 exports, m20 ended. m01 came from Flexible on the 31st, m02 renewed on it.
INSERT INTO raw_data.raw_agreements
SELECT n, day::date, '2021-01-01', CASE WHEN n = 20 THEN date '2021-10-29' END,
       CASE WHEN n <= 12 THEN 'p1' WHEN n <= 18 THEN 'p2' WHEN n = 19 THEN 'p3' ELSE 'p1' END,
       'm' || lpad(n::text, 2, '0'), NULL, '2021-11-02Z'
FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day, generate_series(1, 20) AS n;
UPDATE raw_data.raw_agreements SET agreement_valid_from = '2021-10-31' WHERE agreement_id IN (1, 2);
INSERT INTO raw_data.raw_agreements
SELECT 100 + n, day::date, '2021-01-01', '2021-10-31', CASE n WHEN 1 THEN 'p2' ELSE 'p1' END, 'm0' || n, NULL, '2021-11-02Z'
FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day, generate_series(1, 2) AS n;

INSERT INTO raw_data.raw_meterpoints
SELECT 'm' || lpad(n::text, 2, '0'), day::date, CASE WHEN n <= 10 THEN 'London' WHEN n < 20 THEN 'Wales' END, '2021-11-02Z'
FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day, generate_series(1, 20) AS n;

INSERT INTO analytics.active_agreements
SELECT n, day::date, 'm' || lpad(n::text, 2, '0'), CASE WHEN n <= 12 THEN 'Basic' WHEN n <= 18 THEN 'Flexible' ELSE 'Outgoing Fix' END,
       n BETWEEN 13 AND 18, n = 19, true, '2021-11-02Z'
FROM generate_series('2021-10-30'::date, '2021-11-01', '1 day') AS day, generate_series(1, 19) AS n;

-- m01 sent nothing on 2021-10-30, and two of its rows were rejected.
INSERT INTO analytics.meterpoint_completeness
  (meterpoint_id, reference_date, expected_readings, received_readings, rejected_readings, zero_readings, is_constant,
   total_consumption_kwh, largest_reading_kwh, loaded_at, stored_readings, export_consumption_kwh, actual_consumption_kwh,
   estimated_consumption_kwh)
SELECT 'm' || lpad(n::text, 2, '0'), day, periods,
       CASE WHEN day = '2021-10-30' AND n = 1 THEN 0 WHEN day = '2021-11-01' THEN 47 ELSE periods END,
       CASE WHEN day = '2021-10-30' AND n = 1 THEN 2 ELSE 0 END, 0, false, 0, NULL, '2021-11-02Z',
       CASE WHEN day = '2021-10-30' AND n = 1 THEN 0 WHEN day = '2021-11-01' THEN 47 ELSE periods END, 0, 0, 0
FROM (VALUES (date '2021-10-30', 48), ('2021-10-31', 50), ('2021-11-01', 48)) AS d(day, periods), generate_series(1, 20) AS n;

INSERT INTO raw_data.source_file_versions
  (source_file_id, url, fingerprint, stamp, size_bytes, delivered_at, modified_at, first_interval, last_interval, rows_in_file,
   rows_rejected, rows_ambiguous, outcome, error, seen_at, reading_rules)
VALUES (1, 'file:///in/a.json', 'f1', 's1', 1000, '2021-11-01 07:00Z', '2021-11-01 07:00Z', NULL, NULL, 1500, 3, 0, 'read', NULL, '2021-11-01 07:01Z', ''),
       (2, 'file:///in/b.json', 'f2', 's2', 900, '2021-11-02 07:00Z', '2021-11-02 07:00Z', NULL, NULL, 1400, 0, 0, 'read', NULL, '2021-11-02 07:01Z', ''),
       (3, 'file:///in/broken.json', NULL, 's3', 7, '2021-11-02 07:05Z', '2021-11-02 07:05Z', NULL, NULL, 0, 0, 0, 'malformed', 'not_json: it ends early', '2021-11-02 07:06Z', '');
INSERT INTO raw_data.source_file_dates
  (source_file_id, reference_date, rows_accepted, rows_stored, rows_redelivered, rows_replaced, rows_withdrawn, loaded_at, rows_pruned)
VALUES (1, '2021-10-30', 1000, 998, 0, 2, 0, '2021-11-02Z', 0), (1, '2021-10-31', 497, 497, 0, 0, 0, '2021-11-02Z', 0),
       (2, '2021-10-30', 2, 2, 0, 0, 0, '2021-11-02Z', 0), (2, '2021-11-01', 1398, 1390, 8, 0, 0, '2021-11-02Z', 0);
INSERT INTO raw_data.rejected_readings
  (source_file_id, source_position, reference_date, meterpoint_id, consumption_delta, raw_text, reason, detail, loaded_at)
VALUES (1, 7, '2021-10-30', 'm01', NULL, 'x', 'negative', 'below zero', '2021-11-02Z'),
       (1, 8, '2021-10-30', 'm01', NULL, 'y', 'negative', 'below zero', '2021-11-02Z'),
       (1, 9, NULL, NULL, NULL, 'z', 'no_time', 'no date', '2021-11-02Z');
INSERT INTO raw_data.superseded_readings
VALUES ('m01', '2021-10-30 10:00Z', 0.5, '2021-10-30', 1, 20, '2021-11-01Z', 2, '2021-11-02Z', 'import', 'unknown', ''),
       ('m01', '2021-10-30 10:30Z', 0.6, '2021-10-30', 1, 21, '2021-11-01Z', 2, '2021-11-02Z', 'import', 'unknown', '');

-- Readings: one child a date, as loading leaves them. 2021-11-02 is loaded and not computed yet.
DO $$
DECLARE day date;
BEGIN
  FOR day IN SELECT generate_series('2021-10-30'::date, '2021-11-02', '1 day') LOOP
    EXECUTE format('CREATE TABLE raw_data_partitions.raw_meter_readings_%s (LIKE raw_data.raw_meter_readings INCLUDING CONSTRAINTS)', to_char(day, 'YYYYMMDD'));
    EXECUTE format('INSERT INTO raw_data_partitions.raw_meter_readings_%s SELECT ''m'' || lpad(m::text, 2, ''0''), %L::timestamptz + n * interval ''30 minutes'', %L::date, n * 0.125, 1, n + 1, ''2021-11-02Z'', ''import'', ''unknown'', '''' FROM generate_series(1, 5) AS m, generate_series(0, 47) AS n',
                   to_char(day, 'YYYYMMDD'), day::text || ' 00:00Z', day::text);
    EXECUTE format('ALTER TABLE raw_data_partitions.raw_meter_readings_%s ADD PRIMARY KEY (meterpoint_id, interval_start, register, serial)', to_char(day, 'YYYYMMDD'));
    EXECUTE format('ALTER TABLE raw_data.raw_meter_readings ATTACH PARTITION raw_data_partitions.raw_meter_readings_%s FOR VALUES IN (%L)', to_char(day, 'YYYYMMDD'), day::text);
  END LOOP;
END $$;
