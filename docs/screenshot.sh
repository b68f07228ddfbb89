#!/bin/sh
# Makes docs/report.png of a run: sh docs/screenshot.sh [runs/latest/report.html]
set -eu
page=$(realpath "${1:-runs/latest/report.html}")
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars \
    --user-data-dir="$profile" --window-size=1000,835 --screenshot="$(dirname "$0")/report.png" \
    "file://$page" >/dev/null 2>&1
