#!/usr/bin/env bash
# Fuzzes the dialer's parsers with libFuzzer: each target of dialer/fuzz/src for FUZZ_SECONDS. The corpus is kept in
# cargo's target folder, so that the next run continues with it.
# Usage: scripts/fuzz.sh [TARGET...]     FUZZ_SECONDS=60 FUZZ_SEED=1 FUZZ_JOBS=2
set -euo pipefail
cd "$(dirname "$0")/.."
export FUZZ_SECONDS=${FUZZ_SECONDS:-60} FUZZ_SEED=${FUZZ_SEED:-1}
seeds=dialer/fuzz/seeds

say() { echo "fuzz: $*"; }

# The targets are the names of the folders with seeds. A unit test checks that every target has such a folder.
all=("$seeds"/*/)
all=("${all[@]%/}")
all=("${all[@]##*/}")
targets=("$@")
[[ $# -gt 0 ]] || targets=("${all[@]}")
for target in "${targets[@]}"; do
  [[ -d $seeds/$target ]] || { say "there is no target \"$target\"; there are: ${all[*]}" >&2; exit 2; }
done

# Coverage instrumentation that the stable compiler supports. Because of --target, cargo applies these flags only to the
# code of the fuzzer, not to build scripts and procedural macros.
instrument=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares)
host=$(rustc -vV | sed -n 's/^host: //p')
root=${CARGO_TARGET_DIR:-target}/fuzz
[[ $root == /* ]] || root=$PWD/$root
export FUZZ_WORK=$root/work FUZZ_PROGRAM=$root/$host/fuzz/dialer-fuzz
say "building"
env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS="${instrument[*]}" CARGO_TARGET_DIR="$root" \
  cargo build --quiet --locked -p crokodial-dialer-fuzz --profile fuzz --target "$host"

# Runs one target. Fails if libFuzzer found an input that breaks the target.
fuzz() {
  local target=$1 seeds=dialer/fuzz/seeds/$1 log=$FUZZ_WORK/logs/$1.txt status=0 begin=$SECONDS
  mkdir -p "$FUZZ_WORK/corpus/$target"
  FUZZ_TARGET=$target "$FUZZ_PROGRAM" "$FUZZ_WORK/corpus/$target" "$seeds" -dict=dialer/fuzz/words.dict -seed="$FUZZ_SEED" \
    -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$FUZZ_WORK/found/$target-" >"$log" 2>&1 || status=$?
  local executions coverage found
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  printf 'fuzz: %-16s %9s executions, coverage %5s, %3d s\n' "$target" "${executions:-0}" "${coverage:-0}" $((SECONDS - begin))
  [[ $status -ne 0 ]] || return 0
  found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  {
    echo "fuzz: $target BROKE, with status $status:"
    grep -A 3 -m 1 -E "panicked at|ERROR: libFuzzer" "$log" | sed 's/^/  /' || tail -n 5 "$log"
    echo "  all of it:   $log"
    if [[ -n $found ]]; then
      echo "  the input:   $found"
      echo "  again:       FUZZ_TARGET=$target $FUZZ_PROGRAM $found"
      echo "  to mend it:  cp $found $seeds/, a name that says what it is; \`cargo test -p crokodial-dialer-fuzz\` then fails until it holds"
    fi
  } >&2
  return 1
}
export -f fuzz

mkdir -p "$FUZZ_WORK/logs" "$FUZZ_WORK/found"
say "${#targets[@]} targets, $FUZZ_SECONDS s each, FUZZ_SEED=$FUZZ_SEED"
# All targets run, even if some of them fail.
# shellcheck disable=SC2016 # The inner shell expands $1.
if ! printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "${FUZZ_JOBS:-2}" bash -c 'fuzz "$1"' fuzz; then
  say "something was found, see above" >&2
  exit 1
fi
say "nothing was found"
