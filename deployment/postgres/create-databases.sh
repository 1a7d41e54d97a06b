#!/bin/bash
# Runs once, when the cluster is new: two databases, each with an owner of its own that can reach no other.
set -euo pipefail
# psql reads the passwords itself: what a program is given on its command line can be seen by others.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\set platform `cat /run/secrets/platform_password`
\set dagster `cat /run/secrets/dagster_password`
\set backup `cat /run/secrets/backup_password`
CREATE ROLE meter_platform LOGIN PASSWORD :'platform';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE ROLE meter_backup LOGIN REPLICATION PASSWORD :'backup' IN ROLE meter_platform;
CREATE DATABASE meter_platform OWNER meter_platform;
CREATE DATABASE dagster OWNER dagster;
REVOKE CONNECT, TEMPORARY ON DATABASE meter_platform, dagster, postgres FROM PUBLIC;
-- Dagster stores many small events: a crash of the server loses the last fraction of a second of them.
ALTER DATABASE dagster SET synchronous_commit = off;
SQL
