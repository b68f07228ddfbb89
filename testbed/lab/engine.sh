#!/bin/sh
# Makes sure that a container engine runs: finds one, or installs and starts the distribution's.
#
# An engine that this script starts listens on a unix socket and on no network address.
# Exit code 0: an engine answers. Otherwise the last lines say what to do.
set -eu

log=/var/log/daos-lab-dockerd.log
socket=/var/run/docker.sock

# One request to the engine's socket; no client has to be installed for it.
engine_answers() {
    python3 - <<'PYTHON'
import os, socket, sys

where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
kind, _, rest = where.partition("://")
try:
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(rest)
    elif kind == "tcp":
        host, _, port = rest.rstrip("/").rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=5)
    else:
        sys.exit(1)
    connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
    sys.exit(not connection.recv(64).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")))
except OSError:
    sys.exit(1)
PYTHON
}

fail() {
    echo "lab: $1" >&2
    echo "lab: the lab needs Docker: install it (Debian: apt-get install docker.io), start it, and" >&2
    echo "lab: make sure that 'docker info' works for you; or name its socket in DOCKER_HOST." >&2
    exit 1
}

wait_for_engine() { # $1: for how many seconds at most
    polls=$(($1 * 5))
    while [ "$polls" -gt 0 ]; do
        if engine_answers; then return 0; fi
        polls=$((polls - 1))
        sleep 0.2
    done
    return 1
}

install_engine() {
    echo "lab: installing docker.io and mmdebstrap from the distribution"
    export DEBIAN_FRONTEND=noninteractive
    said=$(mktemp) # not by a name that others can make first
    apt-get update -qq >/dev/null 2>&1 || true
    apt-get install -y -qq --no-install-recommends docker.io mmdebstrap >"$said" 2>&1 || {
        tail -n 5 "$said" >&2
        rm -f "$said"
        fail "docker.io could not be installed"
    }
    rm -f "$said"
}

start_engine() {
    if [ -d /run/systemd/system ] && systemctl start docker 2>/dev/null; then
        wait_for_engine 30 && return 0
    fi
    echo "lab: starting dockerd in the background, its log is $log"
    setsid nohup dockerd --host "unix://$socket" >>"$log" 2>&1 </dev/null &
    wait_for_engine 60 && return 0
    tail -n 5 "$log" >&2
    fail "dockerd did not come up; its log is $log"
}

if engine_answers; then exit 0; fi
if [ -n "${DOCKER_HOST:-}" ]; then
    fail "no container engine answers at DOCKER_HOST=$DOCKER_HOST"
fi
if [ -S "$socket" ] && [ ! -w "$socket" ]; then
    fail "you may not use $socket (Debian: be in the group docker, and log in again)"
fi
if [ "$(id -u)" -ne 0 ]; then
    fail "no container engine answers, and only root could start one"
fi
if ! command -v dockerd >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || fail "there is no container engine, and no apt-get to install one"
    install_engine
fi
start_engine
