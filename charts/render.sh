#!/usr/bin/env bash
# Renders the chart once per ci/*-values.yaml into charts/rendered/, which is committed and reviewed like code.
#   HELM=path/to/helm charts/render.sh           write the files
#   HELM=path/to/helm charts/render.sh --check   lint, and fail where the committed files are not what the chart gives
set -euo pipefail
cd "$(dirname "$0")"
helm=${HELM:-helm}
chart=crokodial-operator
mode=${1:-write}
out=rendered
if [[ $mode == --check ]]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
render() { "$helm" template crokodial "$chart" --namespace crokodial-system --kube-version 1.33.0 "$@"; }
fail() { echo "charts/render.sh: $*" >&2; exit 1; }

for values in "$chart"/ci/*-values.yaml; do
  name=$(basename "$values" -values.yaml)
  render --values "$values" > "$out/$name.yaml"
done
[[ $mode == --check ]] || exit 0

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' ../Cargo.toml)
grep -qx "version: $version" "$chart/Chart.yaml" && grep -qx "appVersion: \"$version\"" "$chart/Chart.yaml" ||
  fail "Chart.yaml must carry the workspace version $version, twice"
for values in "$chart"/ci/*-values.yaml; do
  "$helm" lint --strict --quiet --kube-version 1.33.0 "$chart" --values "$values"
done
# With the CRDs on, both are there and both survive an uninstall.
crds=$(render --values "$chart/ci/default-values.yaml" --set crds.install=true)
[[ $(grep -c '^kind: CustomResourceDefinition$' <<< "$crds") == 2 ]] || fail "crds.install=true must render two CRDs"
[[ $(grep -cE "helm.sh/resource-policy: \"?keep\"?$" <<< "$crds") == 2 ]] || fail "both CRDs need helm.sh/resource-policy: keep"
# What a schema cannot say about tenants is refused with its cause.
refused() {
  local told
  told=$(render --values "$chart/ci/default-values.yaml" --set-json "tenants=$1" 2>&1 >/dev/null) && fail "tenants=$1 must be refused"
  grep -qF "$2" <<< "$told" || fail "tenants=$1 must be refused with '$2', not: $told"
}
one='"namespaces":["crokodial-prod"]'
refused "[{\"name\":\"a\",$one},{\"name\":\"b\",$one}]" "namespace crokodial-prod is in tenant a and in tenant b"
refused '[{"name":"a","namespaces":["elsewhere"]}]' "namespace elsewhere of tenant a is not in namespaces.watch"
refused "[{\"name\":\"a\",$one,\"domains\":[\"*.*.test\"]}]" "domains"
diff -ru rendered "$out" || fail "charts/rendered is stale: run charts/render.sh and commit the difference"
