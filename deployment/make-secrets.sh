#!/usr/bin/env bash
# Makes the secrets of deployment/compose.yaml that are not there yet, and leaves alone those that are.
# usage: make-secrets.sh [OVERLAY…]    in $SECRETS, or in secrets/ beside this file; OVERLAY is monitoring, oidc, receive or viewers
#
# It needs openssl, and docker for the hash of the first login's password.
# Compose mounts a secret as the file lies here, so that the account of a service must be able to read it: the files can be
# read by anybody, and the folder can be entered by its owner alone.
set -euo pipefail
umask 022
cd "$(dirname "$0")"
folder=${SECRETS:-secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

keep() { # name: keeps standard input as a secret, unless there is one
  if [ -s "$folder/$1" ]; then cat >/dev/null; return; fi
  cat >"$folder/$1.new" && mv "$folder/$1.new" "$folder/$1" && echo "made $folder/$1"
}
password() { openssl rand -hex 24 | tr -d '\n' | keep "$1"; }
by_network() { # login, database
  printf 'postgresql://%s:%s@db:5432/%s?sslmode=verify-full&sslrootcert=/run/secrets/database_authority' \
    "$1" "$(cat "$folder/${1}_password")" "$2"
}
by_socket() { # login, database
  printf 'postgresql://%s:%s@/%s?host=/var/run/postgresql' "$1" "$(cat "$folder/${1}_password")" "$2"
}

# Logins of the database, each with what it needs: docs/operating/roles.md.
for login in postgres meter_loader meter_dagster meter_exporter meter_backup; do password "${login}_password"; done
by_socket postgres meter_platform | keep migrate_platform_url
by_socket postgres dagster | keep migrate_dagster_url
by_network meter_loader meter_platform | keep platform_url
by_network meter_dagster dagster | keep dagster_url
by_network meter_exporter meter_platform | keep metrics_platform_url
by_network meter_exporter dagster | keep metrics_dagster_url
by_socket meter_backup meter_platform | keep backup_url
by_socket meter_loader meter_platform | keep drill_url
printf '/input/readings' | keep readings_url
printf 'sqlite:////input/reference.db' | keep reference_url

# Alerts are off until one of these is filled.
for given in alerts_smtp_url alerts_webhook_url alerts_heartbeat_url; do [ -e "$folder/$given" ] || : >"$folder/$given"; done

# The database's certificate, by an authority of its own that signs nothing else: its key is not kept.
if [ ! -s "$folder/database.crt" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj "/CN=meter platform database authority" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -keyout "$work/authority.key" -out "$work/authority.crt" 2>/dev/null
  openssl req -new -newkey rsa:3072 -nodes -subj /CN=db -keyout "$work/db.key" -out "$work/db.csr" 2>/dev/null
  openssl x509 -req -in "$work/db.csr" -days 3650 -CA "$work/authority.crt" -CAkey "$work/authority.key" -set_serial "0x$(openssl rand -hex 16)" \
    -extfile <(printf 'subjectAltName=DNS:db\nextendedKeyUsage=serverAuth') -out "$work/db.crt" 2>/dev/null
  keep database_authority.crt <"$work/authority.crt"
  keep database.key <"$work/db.key"
  keep database.crt <"$work/db.crt"
fi

for overlay in "$@"; do
  case $overlay in
    monitoring)
      password grafana_password
      # Whom Alertmanager tells is in monitoring/alertmanager.yml; these stay empty where it needs none.
      for given in smtp_password slack_url; do [ -e "$folder/$given" ] || : >"$folder/$given"; done ;;
    oidc)
      openssl rand -hex 16 | tr -d '\n' | keep oidc_cookie_secret
      [ -s "$folder/oidc_client_secret" ] || { echo "Put the secret that the identity provider gave into $(realpath "$folder")/oidc_client_secret" >&2; exit 1; } ;;
    receive)
      # Who may push readings: name:token, one in each line. A broker and its authority are given where there is one.
      printf 'sender:%s' "$(openssl rand -hex 24)" | keep receive_tokens
      for given in receive_mqtt_url receive_mqtt_authority; do [ -e "$folder/$given" ] || : >"$folder/$given"; done ;;
    viewers) ;; # their logins are lines of the secret of all logins
    *) echo "There is no overlay $overlay: monitoring, oidc, receive or viewers." >&2; exit 2 ;;
  esac
done

# The first login to the pages. Its password is for people: no service is handed it.
if [ ! -s "$folder/logins" ]; then
  password operator_password
  hash=$({ cat "$folder/operator_password"; echo; } |
    docker run --rm --interactive --network none "${CADDY_IMAGE:-caddy:2.11.7}" caddy hash-password)
  printf 'operator %s\n' "$hash" | keep logins
  echo "Login: operator, password in $(realpath "$folder")/operator_password"
fi
chmod 0444 "$folder"/*
