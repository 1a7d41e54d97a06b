-- A year of meterpoints as the rules would have left it, in the tables that the app reads.
-- {first} and {last}: the reference dates; {meterpoints}: how many.
INSERT INTO analytics.half_hourly_consumption
SELECT t, (t AT TIME ZONE 'Europe/London')::date,
       (extract(epoch FROM t - ((t AT TIME ZONE 'Europe/London')::date::timestamp AT TIME ZONE 'Europe/London')) / 1800)::int + 1,
       {meterpoints}, round((1500 + 900 * sin(extract(epoch FROM t) / 13751))::numeric, 3),
       round((1500 + 900 * sin(extract(epoch FROM t) / 13751))::numeric, 3) - 12.5, 12.5, '2026-01-01Z',
       {meterpoints}, round((1500 + 900 * sin(extract(epoch FROM t) / 13751))::numeric, 3), 0
FROM generate_series('{first}'::timestamp AT TIME ZONE 'Europe/London',
                     ('{last}'::timestamp + interval '1 day' - interval '30 minutes') AT TIME ZONE 'Europe/London',
                     interval '30 minutes') AS t;
INSERT INTO analytics.daily_product_consumption
SELECT 'Product ' || p, d::date, d::date, p = 27, {meterpoints} / 28, 2571.428 + p, '2026-01-01Z',
       CASE p WHEN 27 THEN 2571.428 + p ELSE 0 END, 2571.428 + p, 0
FROM generate_series('{first}'::date, '{last}', '1 day') AS d, generate_series(1, 27) AS p;
INSERT INTO raw_data.raw_products
SELECT 'P' || p, d::date, p, 'Product ' || p, p % 2, '2026-01-01Z'
FROM generate_series('{first}'::date, '{last}', '1 day') AS d, generate_series(1, 27) AS p;
INSERT INTO analytics.unattributed_consumption
SELECT 'm' || lpad(m::text, 7, '0'), d::date, 7.125, 48, (ARRAY['ended', 'no_agreement', 'not_started'])[1 + m % 3], NULL, '2026-01-01Z',
       0, 7.125, 0
FROM generate_series('{first}'::date, '{last}', '1 day') AS d, generate_series(1, {meterpoints} / 28) AS m;
-- Of 10,000 meterpoints 3.65 million rows: the key is built once they are there.
ALTER TABLE analytics.meterpoint_completeness DROP CONSTRAINT meterpoint_completeness_pkey;
INSERT INTO analytics.meterpoint_completeness
  (meterpoint_id, reference_date, expected_readings, received_readings, rejected_readings, zero_readings, is_constant,
   total_consumption_kwh, largest_reading_kwh, loaded_at, stored_readings, export_consumption_kwh,
   actual_consumption_kwh, estimated_consumption_kwh)
SELECT 'm' || lpad(m::text, 7, '0'), d::date, 48, CASE WHEN (m + d::date - '{first}') % 97 = 0 THEN 40 ELSE 48 END, 0, 3, false, 7.125, 0.5, '2026-01-01Z',
       48, 0, 7.125, 0
FROM generate_series('{first}'::date, '{last}', '1 day') AS d, generate_series(1, {meterpoints}) AS m;
ALTER TABLE analytics.meterpoint_completeness ADD PRIMARY KEY (reference_date, meterpoint_id);
-- (The app reads agreements of one date at a time.)
INSERT INTO analytics.active_agreements
SELECT m, d::date, 'm' || lpad(m::text, 7, '0'), 'Product ' || 1 + m % 27, m % 2 = 0, m % 27 = 26, true, '2026-01-01Z'
FROM generate_series('{last}'::date, '{last}', '1 day') AS d, generate_series(1, {meterpoints}) AS m;
INSERT INTO raw_data.raw_agreements
SELECT 2 * m + n, '{last}', '{first}'::date + (m % 300) * n, CASE n WHEN 0 THEN '{first}'::date + (m % 300) END,
       'P' || 1 + (m + n) % 27, 'm' || lpad(m::text, 7, '0'), NULL, '2026-01-01Z'
FROM generate_series(1, {meterpoints}) AS m, generate_series(0, 1) AS n;
INSERT INTO raw_data.raw_meterpoints
SELECT 'm' || lpad(m::text, 7, '0'), '{last}', 'Region ' || 1 + m % 14, '2026-01-01Z' FROM generate_series(1, {meterpoints}) AS m;
