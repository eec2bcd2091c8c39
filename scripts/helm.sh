#!/usr/bin/env bash
# Runs helm in the version that this checkout pins. The first run builds it into the cache.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/program.sh" cluster tools >/dev/null
exec "$root/target/cluster/bin/helm" "$@"
