#!/usr/bin/env bash
# Checks what deployment/ says, with those programs that are on this machine; names those that are not.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

skipped() { echo "There is no $1 on this machine: $2 is not checked."; }

if command -v hadolint >/dev/null; then hadolint deployment/Dockerfile; else skipped hadolint deployment/Dockerfile; fi

if docker compose version >/dev/null 2>&1; then
  docker compose --file deployment/compose.yaml --file deployment/compose.monitoring.yaml \
    --file deployment/compose.viewers.yaml --file deployment/compose.receive.yaml config --quiet
  OAUTH2_PROXY_IMAGE=oauth2-proxy:1 OIDC_ISSUER=https://issuer OIDC_CLIENT=client OIDC_EMAIL_DOMAIN=example.org \
    docker compose --file deployment/compose.yaml --file deployment/compose.oidc.yaml config --quiet
else
  skipped "docker compose" "deployment/compose*.yaml"
fi

if command -v caddy >/dev/null; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # shellcheck disable=SC2016 # the hash is meant as it is
  printf 'operator $2a$14$gpe2X5oYQNHUBX6aIkJMX.Jy2h9kDoCo5XcAhVhh8h3V0uwG6XLqW' >"$work/logins"
  for login in password oidc; do
    sed "s|/etc/caddy/login.caddy|$work/login.caddy|" deployment/proxy/Caddyfile >"$work/Caddyfile"
    sed "s|/run/secrets/logins|$work/logins|" "deployment/proxy/login-$login.caddy" >"$work/login.caddy"
    XDG_DATA_HOME=$work caddy validate --config "$work/Caddyfile" --adapter caddyfile >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
  done
else
  skipped caddy deployment/proxy
fi

if command -v promtool >/dev/null; then
  promtool check config deployment/monitoring/prometheus.yml >/dev/null
  promtool test rules deployment/monitoring/rules_test.yml >/dev/null
else
  skipped promtool "deployment/monitoring/rules.yml"
fi

if command -v amtool >/dev/null; then
  amtool check-config deployment/monitoring/alertmanager.yml >/dev/null
else
  skipped amtool deployment/monitoring/alertmanager.yml
fi

if command -v shellcheck >/dev/null; then
  find deployment meter_platform_tests/deployment -name '*.sh' -exec shellcheck {} +
else
  skipped shellcheck "what deployment/ runs"
fi

if command -v systemd-analyze >/dev/null; then
  units=$(mktemp -d)
  cp -r deployment/systemd/. "$units"
  # The programs are not installed here.
  sed -i 's|/opt/meter-platform/bin/[a-z-]*|/bin/true|' "$units"/*.service
  said=$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units"/*.service "$units"/*.target 2>&1) || true
  rm -r "$units"
  # What other units of this machine lack is none of ours.
  if grep meter-platform <<<"$said"; then exit 1; fi
else
  skipped systemd-analyze deployment/systemd
fi
