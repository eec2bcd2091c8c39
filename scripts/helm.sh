#!/usr/bin/env bash
# Runs the helm of this checkout, built once into the cache.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/program.sh" cluster tools >/dev/null
exec "$root/target/cluster/bin/helm" "$@"
