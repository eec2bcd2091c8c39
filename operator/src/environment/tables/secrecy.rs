//! Tests that no value of any Secret appears in a status, a plan, an Event's note or a log line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::fixture::{Case, SERVING, layers};

/// Markers in the values of the Secrets; they occur in no other text.
const MARKS: [&str; 6] = [
    "zq1uri",
    "zq2live",
    "zq3value",
    "zq4used",
    "zq5key",
    "zq6proven",
];

/// Description of an environment whose Secrets contain the markers.
const SECRETS: &str = "
secrets:
  mongo: {data: {MONGODB_URI: 'mongodb://app:zq1uri@db.test/shop'}}
  app: {data: {JWT: zq3value-and-long-enough}}
mongo: {password: zq2live}
config: {data: {JWT: zq4used-and-long-enough}}
certificate: {tls.crt: zq5key, tls.key: zq5key}
spec: {config: {secretRefs: [{name: app}]}}
";

/// Situations that the tests combine with each other.
const SITUATIONS: [&str; 28] = [
    "spec: {stage: prod}",
    "spec: {suspend: Plan}",
    "spec: {tls: {mode: SelfSigned}}",
    "spec: {mongo: {preflight: {mode: 'Off'}}}",
    "spec: {mongo: {rotation: Manual}}",
    "spec: {mongo: {database: another}}",
    "spec: {mongo: {uriSecretRef: {key: other}}}",
    "spec: {image: 'registry.test/app:2'}",
    "secrets: {mongo: {data: {MONGODB_URI: 'zq1uri'}}}",
    "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:zq1uri@'}}}",
    "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:zq1uri@db.test/?zq1uri=zq1uri'}}}",
    "secrets: {app: {type: helm.sh/release.v1}}",
    "attempts: [{n: 1, password: zq1uri, state: AuthFailed}]",
    "attempts: [{n: 1, password: zq1uri, state: Proven, marks: ['0123456789abcdef0123456789abcdef']}]",
    "attempts: [{n: 1, password: zq1uri, state: running}]",
    "mongo: null",
    "config: null",
    "others: [{environment: apps/other, stage: staging, since: -5, database: ['0123456789abcdef0123456789abcdef'], values: [zq3value-and-long-enough, zq4used-and-long-enough]}]",
    "staged: {data: {JWT: zq3value-and-long-enough}, generation: 2, release: 1, since: 0, verdict: it crashed}",
    "candidates: ['1 config=2 exits=3']",
    "candidates: ['1 config=2'], smoke: passed",
    "releases: {2: {v: '2', phase: Rolling, started: -10}}",
    "releases: {2: {v: '2', phase: Rejected, reason: CrashLoop, message: it crashed}}",
    "foreign: [ConfigActive, MongoActive, Certificate]",
    "image: NotFound",
    "deployment: null, pods: []",
    "proven: {mongo: {password: zq6proven}, config: {data: {JWT: zq6proven-and-long-enough}}}, deployment: {release: 1, overdue: true, updated: 0}, pods: ['1 reads=1.1 since=-400 exits=3']",
    "proven: {mongo: {password: zq6proven}, config: {data: {JWT: zq6proven-and-long-enough}}, failed: zq2live, failedConfig: {JWT: zq4used-and-long-enough}}",
];

/// Returns the texts of a case that may be shown to users or written to logs: its status, plan, release statuses and
/// debug output.
fn told(case: &Case) -> String {
    let status = serde_json::to_string(&case.status()).unwrap();
    let plan = serde_json::to_string(&case.plan()).unwrap();
    let printed = format!("{case:?} {:?}", case.desired());
    let records: Vec<_> = case
        .step
        .decision
        .updates
        .iter()
        .map(|(n, s)| (n, serde_json::to_string(s).unwrap()))
        .collect();
    format!("{status}\n{plan}\n{records:?}\n{printed}")
}

/// Returns the markers that a text reveals as plain text, as a list of bytes, or in base64 as in a Secret's data.
fn leaks(text: &str) -> Vec<&'static str> {
    let bytes = |mark: &str| format!("{:?}", mark.as_bytes());
    let shown = |mark: &&&str| {
        let listed = bytes(mark);
        text.contains(**mark)
            || text.contains(listed.trim_matches(['[', ']']))
            || in_base64(mark).iter().any(|part| text.contains(part))
    };
    MARKS.iter().filter(shown).copied().collect()
}

/// Returns the base64 digits that depend only on the marker. There is one string for each of the three positions within
/// a group of three bytes at which the marker may start.
fn in_base64(mark: &str) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let text = format!("{}{mark}", "-".repeat(before));
        let digits = STANDARD_NO_PAD.encode(&text);
        digits[(before * 8).div_ceil(6)..text.len() * 8 / 6].to_owned()
    })
}

#[test]
fn a_leak_would_be_seen() {
    assert_eq!(leaks("a zq1uri b"), ["zq1uri"]);
    assert_eq!(leaks(&format!("{:?}", b"x-zq4used-y")), ["zq4used"]);
    for before in ["", "x", "xy", "xyz"] {
        let encoded = STANDARD_NO_PAD.encode(format!("{before}zq4used-y"));
        assert_eq!(leaks(&encoded), ["zq4used"], "{encoded}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_value_of_any_secret_is_told(situations in subsequence(SITUATIONS.to_vec(), 0..=8)) {
        let worlds: Vec<&str> = [SERVING, SECRETS].into_iter().chain(situations).collect();
        let text = told(&layers(&worlds));
        prop_assert!(leaks(&text).is_empty(), "{:?} in {text}", leaks(&text));
    }
}

#[test]
fn no_value_is_told_in_any_situation_alone() {
    for situation in SITUATIONS {
        let text = told(&layers(&[SERVING, SECRETS, situation]));
        assert!(leaks(&text).is_empty(), "{situation}: {text}");
    }
}
