//! Annotations that the operator writes on its objects and reads back, and keys in the data of its Secrets. These names
//! must never change, because objects in clusters already have them.

/// On every child: hash of the state that was applied last. It shows that a field is no longer wanted, which a
/// comparison with the wanted state cannot show.
pub const APPLIED: &str = "crokodial.com/applied";

/// On the Deployment: largest release number so far. It prevents that a number is used twice, even if every release
/// record is deleted.
pub const LARGEST_RELEASE: &str = "crokodial.com/largest-release";

/// On a pod template: generations of the credentials that the pods read, as `<mongo>.<config>`. A new generation
/// replaces the pods. No other annotation or field is added to a release's frozen template.
pub const CREDENTIALS: &str = "crokodial.com/credentials";

/// On the pods of a candidate that tries values of `config.secretRefs`: generation of those values.
pub const TRIES_CONFIG: &str = "crokodial.com/tries-config";

/// On `<env>-mongo-active` and `<env>-config-active`: number of times the Secret's data has changed. It is a counter
/// and not a hash, so it reveals nothing about the values.
pub const GENERATION: &str = "crokodial.com/generation";

/// On the Secret with values on trial: number of the release whose pod template the trial uses.
pub const RELEASE: &str = "crokodial.com/tried-with";

/// On the Secret with values on trial: start of the trial, RFC 3339.
pub const SINCE: &str = "crokodial.com/since";

/// On the Secret with values on trial: why the values failed; absent while the trial runs.
pub const VERDICT: &str = "crokodial.com/verdict";

/// On `<env>-mongo-active` and `<env>-config-active`: stage of the environment, `staging` or `prod`.
pub const STAGE: &str = "crokodial.com/stage";

/// On `<env>-config-active`: fingerprints of the longer values of `config.secretRefs`, separated by commas.
pub const VALUES: &str = "crokodial.com/value-marks";

/// On `<env>-mongo-active`: time of the last successful check of the Mongo URI, RFC 3339.
pub const VERIFIED: &str = "crokodial.com/verified-at";

/// On `<env>-mongo-active`: version of the database server at the last successful check.
pub const VERSION: &str = "crokodial.com/server-version";

/// On `<env>-mongo-active`: fingerprints that identify the database, separated by commas.
pub const MARKS: &str = "crokodial.com/database-marks";

/// On `<env>-mongo-active`: value of `mongo.rotateNonce` when this URI was put into use.
pub const NONCE: &str = "crokodial.com/rotate-nonce";

/// On a preflight Job: UID of the Secret that it was made for. A recreated Secret of the same name may have other data.
pub const CANDIDATE: &str = "crokodial.com/candidate-uid";

/// On a preflight Job: how many Jobs have checked this URI, including this one.
pub const TRY: &str = "crokodial.com/try";

/// Key of the URI in the data of `<env>-mongo-active`.
pub const MONGO_KEY: &str = "uri";

/// Splits the value of an annotation at its commas; empty entries are dropped.
pub fn list(text: &str) -> Vec<String> {
    let entries = text.split(',').filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}
