#!/usr/bin/env bash
# Writes down the digests of the images that the stack uses, so that it takes exactly those from then on, whatever their
# names come to mean. Compose reads the file after the others; remove it to take the versions again.
#
# usage: write-digests.sh COMPOSE      the command that speaks with the stack
set -euo pipefail
cd "$(dirname "$0")"
read -ra compose <<<"${1:?}"
services=$("${compose[@]}" config --format json | python3 -c '
import json, sys
for name, service in json.load(sys.stdin)["services"].items():
    print(name, service["image"])')
pinned=$(while read -r service image; do
  digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" 2>/dev/null | head -1)
  # What was built here comes from no registry, and has none.
  [ -z "$digest" ] || printf '  %s: {image: "%s@%s"}\n' "$service" "${image%@*}" "${digest##*@}"
done <<<"$services")
[ -n "$pinned" ] || { echo "No image here was taken from a registry: start the stack once before." >&2; exit 1; }
printf '# Written on %s by: make digests\nservices:\n%s\n' "$(date -u +%F)" "$pinned" >compose.digests.yaml
cat compose.digests.yaml
