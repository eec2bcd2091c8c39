//! Tests of `status.plan`, which is reported with `spec.suspend: Plan`.

use super::super::fixture::{case, serving, table};

fn lines(case: &super::super::fixture::Case) -> String {
    let plan = case.plan();
    format!("{} | {}", plan.releases.join("; "), plan.objects.join("; "))
}

#[test]
fn a_plan_names_what_would_be_done() {
    let all = "create ServiceAccount shop; create NetworkPolicy shop; change Secret shop-mongo-active; change Secret shop-config-active; create NetworkPolicy shop-candidate; create Service shop; change Deployment shop; change Ingress shop";
    let tried = all.replace(
        "create Service shop",
        "create Deployment shop-candidate; create Service shop",
    );
    table(
        &[
            ("", &format!(" | {all}")),
            (
                "spec: {image: 'registry.test/app:2'}",
                &format!("make release 2 of image registry.test/app:2 | {all}"),
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Pending}}",
                &format!("bring release 2 to phase Candidate | {tried}"),
            ),
            (
                "spec: {route: {kind: None}}",
                &format!(" | {}", all.replace("change Ingress", "delete Ingress")),
            ),
            ("foreign: [Service]", " | "),
        ],
        |given| lines(&serving(given)),
    );
    let first =
        case("secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:hunter2@db.test/shop'}}}");
    assert_eq!(
        lines(&first),
        "make release 1 of image registry.test/app:1 | create ServiceAccount shop; create NetworkPolicy shop; create Secret shop-config-active; create NetworkPolicy shop-candidate; create Service shop; create Ingress shop"
    );
}
