#!/usr/bin/env bash
# Benchmarks the dialer against Express and Fastify. `npm ci` runs only if the lockfile changed.
# Usage: scripts/bench-dialer.sh [--json] [--runs N] [--only ROUTE]
# The database is that of MONGODB_TEST_URI, or of the cluster of `make up` if the variable is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
uri=target/cluster/mongo-admin-uri
if [[ -z ${MONGODB_TEST_URI:-} ]]; then
  if [[ ! -s $uri ]]; then
    echo "bench-dialer: set MONGODB_TEST_URI, or run 'make up' first" >&2
    exit 1
  fi
  MONGODB_TEST_URI=$(<"$uri")
  export MONGODB_TEST_URI
fi
node=dialer/bench/node
stamp=$node/node_modules/.crokodial-lock
if ! cmp -s "$node/package-lock.json" "$stamp"; then
  (cd "$node" && npm ci --no-audit --no-fund --loglevel=error)
  cp "$node/package-lock.json" "$stamp"
fi
exec cargo bench --quiet --locked -p crokodial-dialer --bench compare -- "$@"
