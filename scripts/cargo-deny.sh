#!/usr/bin/env bash
# Runs a pinned version of cargo-deny. The first run builds it into the cache.
set -euo pipefail
version=0.20.2
cache=${CROKODIAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crokodial}
root=$cache/cargo-deny-$version
if [[ ! -x $root/bin/cargo-deny ]]; then
  echo "building cargo-deny $version, once" >&2
  # Builds in a temporary target folder, because cargo-deny shares no build output with the workspace.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR=$build CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --version "$version" --root "$root" cargo-deny
fi
exec "$root/bin/cargo-deny" "$@"
