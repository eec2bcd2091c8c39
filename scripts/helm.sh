#!/usr/bin/env bash
# Runs this checkout's helm, built once into the cache.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cargo run --quiet --manifest-path "$root/Cargo.toml" -p crokodial-e2e --bin cluster -- tools >/dev/null
exec "$root/target/cluster/bin/helm" "$@"
