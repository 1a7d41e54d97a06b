-- What two runs a day and a sensor leave in Dagster's database in a year, before any of it is pruned.
INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time, end_time)
SELECT 'run-' || n, 'all_tables', CASE WHEN n % 50 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END, repeat('x', 2000),
       '2025-01-01'::timestamp + n * interval '12 hours', '2025-01-01'::timestamp + n * interval '12 hours', n, n + 20
FROM generate_series(1, 730) AS n;
INSERT INTO asset_keys (asset_key) SELECT '["asset_' || a || '"]' FROM generate_series(1, 11) AS a;
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT 'run-' || n, repeat('x', 400),
       CASE WHEN e % 18 < 4 THEN (ARRAY['ASSET_MATERIALIZATION', 'ASSET_MATERIALIZATION_PLANNED', 'STEP_OUTPUT', 'STEP_INPUT'])[1 + e % 18]
            ELSE 'ENGINE_EVENT' END,
       '2025-01-01'::timestamp + n * interval '12 hours', 'step',
       CASE WHEN e % 18 < 2 THEN '["asset_' || 1 + e / 18 % 11 || '"]' END, '2025-01-01'
FROM generate_series(1, 730) AS n, generate_series(0, 199) AS e;
INSERT INTO asset_check_executions
  (asset_key, check_name, run_id, execution_status, evaluation_event, evaluation_event_timestamp, create_timestamp)
SELECT '["asset_' || c % 11 || '"]', 'check_' || c, 'run-' || n, CASE WHEN (n + c) % 30 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,
       json_build_object('dagster_event', json_build_object('event_specific_data', json_build_object(
         'severity', json_build_object('__enum__', 'AssetCheckSeverity.WARN'), 'description', repeat('x', 1200))))::text,
       '2025-01-01'::timestamp + n * interval '12 hours', now()
FROM generate_series(1, 730) AS n, generate_series(1, 34) AS c;
INSERT INTO instigators (selector_id, repository_selector_id, status, instigator_type, instigator_body)
VALUES ('one', 'all', 'RUNNING', 'SENSOR', '{"origin": {"job_name": "new_reading_files"}}');
INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
SELECT 'one', 'one', CASE WHEN n % 100 = 0 THEN 'SUCCESS' ELSE 'SKIPPED' END, 'SENSOR',
       '2025-12-01'::timestamp + n * interval '30 seconds', repeat('x', 900)
FROM generate_series(1, 90000) AS n;
