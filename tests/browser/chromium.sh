#!/bin/sh
# Makes sure that there is a Chromium for the test that opens the report page: finds one, or
# installs the distribution's.
#
# Exit code 0: there is one. Otherwise the last lines say what to do.
set -eu

fail() {
    echo "tests: $1" >&2
    echo "tests: the report page is tested in Chromium: install it (Debian: apt-get install" >&2
    echo "tests: chromium), such that 'chromium --version' works for you." >&2
    exit 1
}

install_browser() {
    echo "tests: installing chromium from the distribution"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    apt-get update -qq >/dev/null 2>&1 || true
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        rm -f "$log"
        fail "chromium could not be installed"
    }
    rm -f "$log"
}

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ]; then
    fail "there is no Chromium, and only root could install one"
fi
command -v apt-get >/dev/null 2>&1 || fail "there is no Chromium, and no apt-get to install one"
install_browser
