#!/bin/sh
# Starts Postgres in its image. Two things cannot be mounted as they are.
set -eu
# Postgres takes a key only from a file that nobody but its account can read; secrets are mounted as they lie on the host.
install -m 0600 /run/secrets/database_key /tmp/database.key
# A server that was killed leaves the lock of its socket, with a number that another process may have by now.
rm -f /var/run/postgresql/.s.PGSQL.5432 /var/run/postgresql/.s.PGSQL.5432.lock
exec docker-entrypoint.sh postgres -c config_file=/etc/postgresql/postgresql.conf
