#!/usr/bin/env bash
# Installs the UI's npm packages and runs an npm script. `npm ci` runs only if the lockfile changed. A build runs only
# if a source changed, because a rewritten dist/ makes cargo recompile the dialer.
# Usage: scripts/ui.sh build|lint|typecheck|test
set -euo pipefail
cd "$(dirname "$0")/../dialer/ui"
stamp=node_modules/.crokodial-lock
if ! cmp -s package-lock.json "$stamp"; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
if [[ ${1:-} != build ]]; then
  exec npm run --silent "$@"
fi
built=node_modules/.crokodial-build
sources=$(find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
if [[ -f dist/index.html && $(cat "$built" 2>/dev/null) == "$sources" ]]; then
  exit 0
fi
rm -f "$built"
npm run --silent build
printf '%s' "$sources" > "$built"
