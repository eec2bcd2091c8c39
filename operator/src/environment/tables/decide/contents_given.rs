//! Tests of the contents that pods get once some of them are proven or failed.

use crokodial_crds::ConditionType;

use super::super::super::credentials::Active;
use super::super::super::fixture::{found, table};
use super::contents::{BACK, password, stuck};

/// Formats the content that pods get: its password or values, its generation number and the finding.
fn given(active: &Active) -> String {
    let data = active.advance.clone().unwrap_or_default();
    let what = if active.advance.is_some() {
        password(&data)
    } else {
        "as it is".to_owned()
    };
    format!("{what}, {}, {}", active.generation, found(&active.finding))
}

const FAILED: &str =
    "False ValuesNotReady: pods did not become ready with the URI in secret mongo: it crashed";

#[test]
fn pods_get_the_proven_uri_back_and_the_failed_one_no_more() {
    let failed = "proven: {failed: hunter2, spent: 2}";
    let newer = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:newer@db.test/shop'}}}";
    let job = "spec: {mongo: {preflight: {mode: Job}}}";
    let mark = "0123456789abcdef0123456789abcdef";
    let elsewhere = format!(
        "spec: {{mongo: {{preflight: {{mode: Job}}}}}}, proven: {{failed: hunter2, mongo: {{password: old, verified: -900, marks: [{mark}]}}}}"
    );
    let other = format!(
        "others: [{{environment: apps/other, stage: prod, since: -5, database: [{mark}]}}]"
    );
    let old = format!("old, 1, {FAILED}");
    let rows: &[(&str, &str)] = &[
        (failed, &old),
        (BACK, &old),
        // It need not be checked, nor may it be kept for a newer one that is not proven yet.
        (&format!("{failed} + {job}"), &old),
        (
            &format!("{failed} + {newer} + {job}"),
            "old, 1, Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
        ),
        (
            &format!("{failed}, secrets: null"),
            "old, 1, False SecretNotFound: there is no secret mongo in this namespace",
        ),
        // No number is used twice.
        (
            &format!("{BACK} + {newer}"),
            "newer, 3, Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
        ),
        (
            &format!("{BACK} + {newer} + proven: {{mongo: {{generation: 7}}}}"),
            "newer, 8, Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
        ),
        (
            &format!("{BACK} + spec: {{mongo: {{rotateNonce: again}}}}"),
            "hunter2, 3, Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
        ),
        // Nothing to return to.
        (
            "proven: {failed: hunter2, mongo: null}",
            &format!("hunter2, 2, {FAILED}"),
        ),
        (
            &format!("{elsewhere} + {other}"),
            &format!(
                "hunter2, 2, {FAILED}; the earlier URI is not used: the URI leads to the database of environment apps/other, which is of stage prod"
            ),
        ),
        (&elsewhere, &old),
    ];
    table(rows, |text| given(&stuck(text).valid.mongo));
    let case = stuck(&format!("{BACK} + {job}"));
    assert_eq!(
        case.valid.check.start, None,
        "what failed is not checked again"
    );
    assert_eq!(case.valid.check.candidate, Some("Refused"));
}

/// The proven content gets another number if a pod with its number may hang with what failed.
#[test]
fn pods_that_hang_with_failed_content_are_replaced() {
    let failed = "proven: {failed: hunter2, spent: 2}";
    let pods = |words: &str| format!("{failed}, pods: [1 reads=2.1 since=-400 unready, {words}]");
    let number = |given: &str| {
        let case = stuck(given);
        let stored = case.step.proven.state.as_ref().unwrap();
        let proven = stored.mongo.proven.as_ref().unwrap();
        assert_eq!(proven.generation, case.valid.mongo.generation);
        assert_eq!(password(&proven.data), "old");
        proven.generation.to_string()
    };
    let rows: &[(&str, &str)] = &[
        (failed, "1"),
        (&pods("1 reads=1.1 since=-100"), "1"),
        (&pods("1 reads=1.1 since=-100 unready"), "3"),
        (&pods("1 reads=1.1 since=-400 unready"), "3"),
        (&pods("1 reads=1.1 since=-900 unready"), "1"),
        (&pods("1 reads=1.1 since=-900 restarted=-100 unready"), "3"),
        // It reads the proven content when it starts again.
        (&pods("1 reads=1.1 since=-100 exits=4"), "1"),
        (&pods("1 reads=1.1 since=-100 unschedulable"), "1"),
        (&pods("1 reads=1.1 since=-100 unready terminating"), "1"),
        // The number was chosen and stored, and then the operator died.
        (
            &format!(
                "{} + proven: {{mongo: {{generation: 3}}}}",
                pods("1 reads=1.1 since=-100 unready")
            ),
            "3",
        ),
    ];
    table(rows, number);
    let values = stuck(
        "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, config: {data: {A: new}, generation: 2}, deployment: {credentials: '2.2'}, proven: {mongo: {password: hunter2, generation: 2}, config: {data: {A: old}}, failedConfig: {A: new}}, pods: ['1 reads=2.2 since=-400 exits=5', '1 reads=2.1 since=-100 unready']",
    );
    assert_eq!(values.valid.config.active.generation, 3);
}

#[test]
fn pods_get_proven_values_back_and_failed_ones_no_more() {
    let live = |value: &str, generation: i64, more: &str| {
        format!(
            "spec: {{config: {{secretRefs: [{{name: app}}]}}}}, secrets: {{app: {{data: {{A: new}}}}}}, config: {{data: {{A: {value}}}, generation: {generation}}}, proven: {{mongo: {{password: hunter2, generation: 2}}, config: {{data: {{A: old}}}}, failedConfig: {{A: new}}}}, deployment: {{credentials: '2.{generation}'}}{more}"
        )
    };
    let seen = "False ValuesNotReady: pods did not become ready with the newest values of the referenced secrets: it crashed";
    let rows: &[(&str, &str)] = &[
        (&live("new", 2, ""), &format!("A=old, 1, {seen}")),
        (&live("old", 1, ""), &format!("as it is, 1, {seen}")),
        (
            &live("new", 2, " + secrets: {app: null}"),
            "A=old, 1, False SecretNotFound: there is no secret app in this namespace",
        ),
        // Other values are tried, and those that failed do not stay meanwhile.
        (
            &live("new", 2, " + secrets: {app: {data: {A: newer}}}"),
            "A=old, 1, Unknown CandidateRunning: the newest values are tried with release 1: a pod without traffic is being started",
        ),
        // Proven values need no trial.
        (
            &live("new", 2, " + secrets: {app: {data: {A: old}}}"),
            "A=old, 3, True Succeeded: the newest values of the referenced secrets are in use",
        ),
    ];
    table(rows, |text| given(&stuck(text).valid.config.active));
    let trial = stuck(&live("old", 1, "")).valid.config;
    assert!(trial.staged.is_none(), "what failed is not tried again");
}

#[test]
fn conditions_name_what_failed() {
    let config = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, config: {data: {A: new}, generation: 2}, proven: {mongo: {password: hunter2, generation: 2}, config: {data: {A: old}}, failedConfig: {A: new}}";
    let of = |given: &str, type_: ConditionType| stuck(given).condition(type_);
    let failed = "proven: {failed: hunter2, spent: 2}";
    assert_eq!(of(failed, ConditionType::CredentialsValid), FAILED);
    assert_eq!(
        of(config, ConditionType::ConfigSecretsValid),
        "False ValuesNotReady: pods did not become ready with the newest values of the referenced secrets: it crashed"
    );
    let status = stuck(&format!(
        "{BACK} + spec: {{mongo: {{preflight: {{mode: Job}}}}}}"
    ))
    .status();
    let mongo = status.mongo;
    assert_eq!(mongo.generation, Some(1));
    assert_eq!(mongo.candidate.as_deref(), Some("Refused"));
    assert_eq!(mongo.reason.as_deref(), Some("ValuesNotReady"));
}
