#!/usr/bin/env bash
# Brings the database server back as it was at a moment, from a copy of its files and what it logged since. What is there
# now is kept beside it.
#
# usage: restore.sh COMPOSE FROM [UNTIL]
#   COMPOSE  the command that speaks with the stack, such as `docker compose --file deployment/compose.yaml`
#   FROM     the folder of a backup as `make backups` lists it, or `newest`
#   UNTIL    such as 2026-01-31T12:00:00+00:00; without it, everything that was logged is played back
set -euo pipefail
read -ra compose <<<"${1:?}"
from=${2:?} until=${3:-}
place=/var/lib/postgresql/18
before=before-$(date -u +%Y%m%dT%H%M%SZ)

echo "Stopping everything; runs that are under way end first ..."
"${compose[@]}" stop
"${compose[@]}" run --rm restore meter-platform restore --from "$from" --to "$place/restored" ${until:+--until "$until"}
"${compose[@]}" run --rm restore sh -c "mv $place/docker $place/$before && mv $place/restored $place/docker"
echo "What was there before is kept in the database's volume: $place/$before. Remove it once all is well."
# What the archive has of the time after that moment is not this server's: it begins with a backup of its own, from which
# the next drill, and the next restore, lead on.
"${compose[@]}" run --rm backup meter-platform backup
"${compose[@]}" up --detach --wait
