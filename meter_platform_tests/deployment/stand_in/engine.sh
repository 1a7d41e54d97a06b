#!/usr/bin/env bash
# Starts a Docker engine of its own where none runs. For CI and for tests: never for production. It needs root and Debian's
# packages.
#
#   engine.sh start FOLDER    starts the engine; prints the variables that make `docker` speak with it, as `export …`
#   engine.sh stop FOLDER     stops the engine and removes FOLDER, images and volumes with it
#   engine.sh mirror -        prints the mirror of Debian that this machine uses
set -euo pipefail
verb=${1:?start or stop} folder=$(realpath -m "${2:?a folder}")
export DOCKER_HOST=unix://$folder/docker.sock DOCKER_CONFIG=$folder/config

# Debian's release whose Compose and buildx run on any other: they are linked statically.
readonly plugins_release=trixie

debian_mirror() {
  local mirror
  mirror=$(grep -rhoE '^(deb +(\[[^]]*\] +)?|URIs: +)[a-z]+://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
    grep -oE '[a-z]+://[^ ]+' | head -1 || true)
  echo "${mirror:?no mirror of Debian in the sources of apt}"
}

install_engine() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
}

# Compose and buildx, unpacked beside the engine's configuration: the machine's own packages stay as they are.
install_plugins() {
  local apt=$folder/apt options
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$DOCKER_CONFIG/cli-plugins"
  touch "$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $plugins_release main" >"$apt/sources.list"
  options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -qq
  (cd "$apt" && apt-get "${options[@]}" download -qq docker-compose docker-buildx)
  for package in "$apt"/*.deb; do dpkg -x "$package" "$apt/root"; done
  find "$apt/root" -type f -perm /111 \( -name docker-compose -o -name docker-buildx \) -exec cp {} "$DOCKER_CONFIG/cli-plugins/" \;
  rm -rf "$apt"
}

start() {
  mkdir -p "$folder"
  command -v dockerd >/dev/null || install_engine
  install_plugins
  # Addresses of its own, so that it stands beside an engine that the machine may have.
  setsid dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    --bip 10.212.0.1/24 --default-address-pool base=10.213.0.0/16,size=24 >"$folder/log" 2>&1 </dev/null &
  for _ in $(seq 60); do if docker info >/dev/null 2>&1; then break; fi; sleep 1; done
  docker info >/dev/null 2>&1 || { tail -5 "$folder/log" >&2; return 1; }
  echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_CONFIG=$DOCKER_CONFIG"
}

stop() {
  local pid
  if pid=$(cat "$folder/pid" 2>/dev/null) && kill "$pid" 2>/dev/null; then
    while kill -0 "$pid" 2>/dev/null; do sleep 1; done
  fi
  rm -rf "$folder"
}

case $verb in
  start) start ;;
  mirror) debian_mirror ;;
  stop) stop ;;
  *) echo "start or stop, not $verb" >&2; exit 2 ;;
esac
