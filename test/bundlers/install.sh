#!/usr/bin/env bash
# Installs what tests of the package, of pages and of the server use: the tools of package.json, and Debian's Chromium and Firefox if there are none.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund
browsers=()
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || browsers+=(chromium)
[ -x "${FIREFOX:-/usr/bin/firefox-esr}" ] || browsers+=(firefox-esr)
if [ "${#browsers[@]}" -gt 0 ]; then
  apt-get update -qq
  apt-get install -y -qq "${browsers[@]}"
fi
