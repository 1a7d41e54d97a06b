#!/bin/sh
# Runs once, when the cluster is new: the two databases. Who may do what in them is said by `meter-platform migrate --roles`.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
CREATE DATABASE meter_platform;
CREATE DATABASE dagster;
-- Dagster stores many small events: a crash of the server loses the last fraction of a second of them.
ALTER DATABASE dagster SET synchronous_commit = off;
REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC;
SQL
