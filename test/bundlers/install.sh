#!/usr/bin/env bash
# Installs what tests of the package, of pages and of the server use: the tools of package.json, and Debian's Chromium if there is none.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  apt-get update -qq
  apt-get install -y -qq chromium
fi
