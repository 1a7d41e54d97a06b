-- The role that typed SQL runs as, and what it must not be able to do. Run by a superuser in the platform's database;
-- running it again changes nothing. `meter-platform app` does so itself where it may.
--
-- Function privileges belong to this database alone. What is taken from PUBLIC is given to the owner of the platform's
-- tables, so that loading goes on as before.

DO $setup$
DECLARE
  reader CONSTANT name := 'meter_platform_reader';
  owner CONSTANT name := (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'analytics');
  dangerous text;
  other name;
  setting text;
  value text;
BEGIN
  PERFORM pg_advisory_xact_lock(1919247460);  -- two of these at once would trip over each other

  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
    EXECUTE format('CREATE ROLE %I', reader);
  END IF;
  EXECUTE format(
    'ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CONNECTION LIMIT 16', reader);
  -- For sessions that log in as the role; others are told before they become it.
  FOR setting, value IN SELECT * FROM (VALUES {settings}) AS s LOOP
    EXECUTE format('ALTER ROLE %I SET %I = %L', reader, setting, value);
  END LOOP;
  EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', reader);
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = owner) THEN
    EXECUTE format('GRANT %I TO %I', reader, owner);
    FOR setting, value IN SELECT * FROM (VALUES {settings}) AS s LOOP
      EXECUTE format('GRANT SET ON PARAMETER %I TO %I', setting, owner);
    END LOOP;
  END IF;

  -- Reads three schemas. The daily tables below raw_meter_readings need no grant of their own.
  EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), reader);
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  REVOKE ALL ON pg_settings FROM PUBLIC;
  GRANT SELECT ON pg_settings TO PUBLIC;
  EXECUTE format('GRANT USAGE ON SCHEMA raw_data, analytics, analytics_models TO %I', reader);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA raw_data, analytics, analytics_models TO %I', reader);
  -- Models come and go with their project.
  EXECUTE format(
    'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA analytics_models GRANT SELECT ON TABLES TO %I', owner, reader);
  FOR other IN
    SELECT datname FROM pg_database WHERE datname <> current_database() AND has_database_privilege(reader, oid, 'CONNECT')
  LOOP
    IF other IN ('dagster', 'postgres', 'template1') THEN
      EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', other);
    END IF;
  END LOOP;

  -- Functions with effects beyond their result: settings, locks, signals, large objects, sequences, files, and those
  -- that run SQL of their own.
  FOR dangerous IN {dangerous_functions}
  LOOP
    EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', dangerous);
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', dangerous, owner);
  END LOOP;
END
$setup$
