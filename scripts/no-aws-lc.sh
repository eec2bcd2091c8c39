#!/usr/bin/env bash
# Checks that `ring` is the only TLS provider in the dependency tree. With two providers in one binary, rustls panics at
# its first use.
set -euo pipefail
tree=$(cargo tree --quiet --workspace --locked --prefix none --format '{p}' | grep -E '^(aws-lc-rs|aws-lc-sys|openssl-sys|native-tls) ' || true)
[[ -z $tree ]] || { echo "a second TLS provider is in the tree; find it with: cargo tree -i aws-lc-rs" >&2; echo "$tree" >&2; exit 1; }
