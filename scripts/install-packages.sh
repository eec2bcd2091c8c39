#!/usr/bin/env bash
# Installs missing system packages on Debian and its derivatives; on other systems prints their names.
# Usage: scripts/install-packages.sh [build] [cluster] [browser]     (no argument: all that CLUSTER=… needs here)
# Does nothing and uses no network if every program is installed.
set -euo pipefail

say() { echo "install-packages: $*" >&2; }
fail() { say "$*"; exit 1; }
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

# Program or file = package. A name with a slash is a file.
build=(cc=gcc c++=g++ /usr/include/stdlib.h=libc6-dev git=git curl=curl /etc/ssl/certs/ca-certificates.crt=ca-certificates)
cluster=(containerd=containerd runc=runc /usr/lib/cni/bridge=containernetworking-plugins iptables=iptables
  conntrack=conntrack buildah=buildah ip=iproute2 docker-registry=docker-registry mount=mount)
browser=(chromium=chromium)

# kind on a container engine has its own node image, so that the node's packages are not needed.
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

# The cluster starts its own containerd and registry, so the packages' services must not start. RUNLEVEL=1 prevents it for
# invoke-rc.d, a policy file for systemd; an existing policy file is not changed.
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
