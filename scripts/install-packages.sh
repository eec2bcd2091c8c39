#!/usr/bin/env bash
# Installs missing system packages on Debian and its derivatives. On other systems it only prints their names.
# Usage: scripts/install-packages.sh [build] [cluster] [browser]     (no argument: all that the mode CLUSTER=… needs)
# If every program is installed, it does nothing and uses no network.
set -euo pipefail

say() { echo "install-packages: $*" >&2; }
fail() { say "$*"; exit 1; }
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

# Entries PROGRAM=PACKAGE, or FILE=PACKAGE if the left side contains a slash.
build=(cc=gcc c++=g++ /usr/include/stdlib.h=libc6-dev git=git curl=curl /etc/ssl/certs/ca-certificates.crt=ca-certificates)
cluster=(containerd=containerd runc=runc /usr/lib/cni/bridge=containernetworking-plugins iptables=iptables
  conntrack=conntrack buildah=buildah ip=iproute2 docker-registry=docker-registry mount=mount)
browser=(chromium=chromium)

# Whether the cluster is kind or an existing one (CLUSTER=current): the host then needs no packages of a node.
uses_kind() {
  case ${CLUSTER:-} in
    kind | current) return 0 ;;
    local) return 1 ;;
  esac
  have kind && have docker && timeout 10 docker version >/dev/null 2>&1
}

wanted=()
if [[ $# -eq 0 ]]; then
  set -- build browser
  uses_kind || set -- build cluster browser
fi
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    cluster) wanted+=("${cluster[@]}") ;;
    browser) have google-chrome || wanted+=("${browser[@]}") ;;
    *) fail "unknown group \"$group\": build, cluster or browser" ;;
  esac
done

missing=()
for entry in "${wanted[@]}"; do
  thing=${entry%=*}
  if [[ $thing == /* ]]; then [[ -e $thing ]] || missing+=("${entry#*=}")
  else have "$thing" || missing+=("${entry#*=}"); fi
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

have apt-get || fail "missing: ${missing[*]} (names of Debian's packages). This system has no apt-get: install what corresponds to them, then run this again"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  have sudo || fail "missing: ${missing[*]}. Run as root: apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi

# The cluster starts its own containerd and registry, so the installation must not start the services of the packages.
# RUNLEVEL=1 prevents this for invoke-rc.d, and a policy file prevents it on systemd. An existing policy file is kept.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
say "installing ${missing[*]}"
log=$(mktemp)
quietly() { "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "failed: $*"; }; }
quietly "${as_root[@]}" apt-get update -qq
quietly "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
rm -f "$log"
