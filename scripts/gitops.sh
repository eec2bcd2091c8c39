#!/usr/bin/env bash
# Tries what deploy/gitops ships with the libraries of Flux, Helm, Argo CD and kustomize. The first run builds the program
# (tests/parts/gitops) into the cache.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/program.sh" cluster tools >/dev/null
exec "$root/target/cluster/bin/gitops-check" "$root"
