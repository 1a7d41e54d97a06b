#!/usr/bin/env bash
# What deployment/ relies on in the entry point of the image postgres: a cluster is made where there is none, scripts of
# /docker-entrypoint-initdb.d run once on a server that nobody else reaches, and then the server takes this process's place.
set -euo pipefail
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  # shellcheck disable=SC2086 # several options in one variable, as the image takes them
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
  pg_ctl --wait start --options="$(printf '%q ' "${@:2}" -c "listen_addresses=")"
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
  for script in /docker-entrypoint-initdb.d/*.sh; do
    echo "running $script"
    "$script"
  done
  unset PGPASSWORD
  pg_ctl --wait --mode=fast stop
fi
exec "$@"
