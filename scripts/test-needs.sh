#!/usr/bin/env bash
# Installs what the tests need and npm cannot bring, through the system's package manager, where it is missing.
set -euo pipefail

# Debian has some programs in folders of their own.
has() { PATH=$PATH:/usr/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin) command -v "$1" >/dev/null 2>&1; }

need() { # command, Debian packages…
  has "$1" && return 0
  local command=$1 sudo=''
  shift
  echo "tests need $command: installing $*" >&2
  [ "$(id -u)" = 0 ] || sudo='sudo -n'
  if command -v apt-get >/dev/null 2>&1 && { [ -z "$sudo" ] || sudo -n true 2>/dev/null; }; then
    $sudo apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  elif command -v brew >/dev/null 2>&1; then
    brew install "$1" >&2
  fi
  has "$command" || {
    echo "tests need the command $command and it could not be installed here: install the package $1 by hand, then run npm test again" >&2
    exit 1
  }
}

[ -n "${MEMCACHED:-}" ] || need memcached memcached libsasl2-modules
[ -n "${REDIS_SERVER:-}" ] || need redis-server redis-server
need openssl openssl
need postgres postgresql
[ -z "${LONG:-}" ] || need mariadbd mariadb-server
[ -z "${LONG:-}" ] || need prometheus prometheus

# A Chrome or Chromium that is already here serves as well; CHROMIUM names one elsewhere.
# Debian has a Chromium without windows, which takes less time.
if [ -z "${CHROMIUM:-}" ] && ! command -v google-chrome >/dev/null 2>&1 && ! command -v chromium >/dev/null 2>&1; then
  if apt-cache show chromium-headless-shell >/dev/null 2>&1; then
    need chromium-headless-shell chromium-headless-shell fonts-liberation
  else
    need chromium chromium fonts-liberation
  fi
fi
