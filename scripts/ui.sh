#!/usr/bin/env bash
# Brings the UI's packages up to the lockfile, then runs npm's script. `npm ci` runs only when the lockfile changed.
# Usage: scripts/ui.sh build|lint|typecheck|test
set -euo pipefail
cd "$(dirname "$0")/../dialer/ui"
stamp=node_modules/.crokodial-lock
if ! cmp -s package-lock.json "$stamp"; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
exec npm run --silent "$@"
