#!/usr/bin/env bash
# Builds a program of the workspace and runs it.
# Usage: scripts/program.sh NAME [argument…]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
name=$1
shift
[[ -x ${CARGO_TARGET_DIR:-$root/target}/debug/$name ]] || echo "compiling $name, minutes when it is the first build" >&2
# `cargo run -p` would be slower: for a single package cargo enables fewer features of shared crates than for the whole
# workspace, and would compile a third of them and the workspace's crates again (docs/adr/0023). `--test` makes cargo
# enable the features that tests need, too.
built=$(cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --workspace --bin "$name" --test crds-suite \
  --message-format json-render-diagnostics)
program=$(sed -n 's/.*"kind":\["bin"\].*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' <<< "$built" | tail -n 1)
[[ -n $program ]] || { echo "scripts/program.sh: cargo names no program for $name" >&2; exit 1; }
exec "$program" "$@"
