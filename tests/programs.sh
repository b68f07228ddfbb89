#!/bin/sh
# Makes sure that the programs which tests need are there: finds them, or installs the distribution's.
#
#     programs.sh PROGRAM...
#
# Exit code 0: all are there. Otherwise the last lines say what to do.
set -eu

packages_of() { # $1: a program
    case $1 in
        chromium) echo chromium fonts-dejavu-core ;;
        bsdtar) echo libarchive-tools ;;
        gpg) echo gnupg ;;
        mtree) echo mtree-netbsd ;;
        ssh-keygen) echo openssh-client ;;
        *) echo "$1" ;;
    esac
}

is_there() { # $1: a program
    case $1 in
        chromium) for name in chromium chromium-browser google-chrome; do
            if command -v "$name" >/dev/null 2>&1; then return 0; fi
        done && return 1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

fail() {
    echo "tests: $1" >&2
    echo "tests: they need$missing: install what is missing (Debian: apt-get install$packages)." >&2
    exit 1
}

missing='' packages=''
for program in "$@"; do
    if is_there "$program"; then continue; fi
    missing="$missing $program"
    packages="$packages $(packages_of "$program")"
done
[ "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] || fail "only root could install programs"
command -v apt-get >/dev/null 2>&1 || fail "there is no apt-get to install programs by"

echo "tests: installing$packages from the distribution"
export DEBIAN_FRONTEND=noninteractive
said=$(mktemp)
trap 'rm -f "$said"' EXIT
apt-get update -qq >/dev/null 2>&1 || true
# shellcheck disable=SC2086 # several words
apt-get install -y -qq --no-install-recommends $packages >"$said" 2>&1 || {
    tail -n 5 "$said" >&2
    fail "they could not be installed"
}
