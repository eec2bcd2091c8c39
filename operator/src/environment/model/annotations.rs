//! Annotations that the operator writes to its objects and reads back, and data keys of its Secrets. These names must
//! never change, because objects in existing clusters have them.

pub use crate::release::workload::CREDENTIALS;

/// On every child object: hash of the wanted state that was applied last. It shows that a field was removed from the
/// wanted state, which a comparison with the object in the cluster cannot show.
pub const APPLIED: &str = "crokodial.com/applied";

/// On a snapshot: keyed fingerprint of the environment, the release number and the content. Without the operator's key
/// nobody can make a snapshot that is applied.
pub const SEAL: &str = "crokodial.com/seal";

/// On a snapshot: copy of the record of its release, as JSON, once the phase is final. A record that was deleted is made
/// again from it.
pub const RECORD: &str = "crokodial.com/record";

/// On a snapshot: keyed fingerprint of the environment, the snapshot itself, the release number and the value of
/// [`RECORD`].
pub const RECORD_SEAL: &str = "crokodial.com/record-seal";

/// On the Deployment: largest release number so far. It prevents a number from being used twice, even if all release
/// records are deleted.
pub const LARGEST_RELEASE: &str = "crokodial.com/largest-release";

/// On the pod template of the serving pods: value of `runtime.restart`, if it has one. A new value replaces the pods.
pub const RESTART: &str = "crokodial.com/restart";

/// On candidate pods that try values of `config.secretRefs`: generation number of those values.
pub const TRIES_CONFIG: &str = "crokodial.com/tries-config";

/// On `<env>-mongo-active`, `<env>-config-active` and `<env>-config-candidate`: generation number of the data. It is a
/// counter and not a hash, so it reveals nothing about the values.
pub const GENERATION: &str = "crokodial.com/generation";

/// On `<env>-mongo-active`, `<env>-config-active` and `<env>-config-candidate`: keyed fingerprint of the data that the
/// generation number stands for. It tells keys that somebody else added from keys that the user took away.
pub const CONTENT: &str = "crokodial.com/content-mark";

/// On the Deployment and `<env>-proven`: keyed fingerprints of the data that the generation numbers in [`CREDENTIALS`]
/// stand for, as `<mongo>.<config>`. With them, a copy that was deleted is created again without replacing pods, and
/// only with data that was proven.
pub const CONTENTS: &str = "crokodial.com/credentials-marks";

/// On `<env>-config-candidate`: number of the release whose pod template is used for the trial.
pub const RELEASE: &str = "crokodial.com/tried-with";

/// On `<env>-config-candidate`: start of the trial, in RFC 3339 format.
pub const SINCE: &str = "crokodial.com/since";

/// On `<env>-config-candidate`: cause of the failed trial; absent if the trial has not failed.
pub const VERDICT: &str = "crokodial.com/verdict";

/// On `<env>-proven`: largest generation numbers of contents that failed, as `<mongo>.<config>`. They are not used
/// again.
pub const SPENT: &str = "crokodial.com/spent-generations";

/// On `<env>-proven`: keyed fingerprints of contents with which pods did not become ready, as `<mongo>.<config>`.
pub const FAILED: &str = "crokodial.com/failed-marks";

/// On `<env>-proven`: value of `mongo.rotateNonce` when the contents failed. With another one they are tried once more.
pub const FAILED_NONCE: &str = "crokodial.com/failed-nonce";

/// On `<env>-proven`: cause for which the Mongo URI failed; absent if it did not fail.
pub const MONGO_VERDICT: &str = "crokodial.com/mongo-verdict";

/// On `<env>-proven`: `true` if values of `config.secretRefs` that were not proven either may be to blame for the
/// failure of the Mongo URI; absent otherwise.
pub const MONGO_BESIDE: &str = "crokodial.com/mongo-verdict-beside-new-values";

/// On `<env>-proven`: cause for which the values of `config.secretRefs` failed; absent if they did not fail.
pub const CONFIG_VERDICT: &str = "crokodial.com/config-verdict";

/// On `<env>-proven`: time from which a check of the Mongo URI counts for the verdict about content that seems to fail,
/// in RFC 3339 format. The verdict waits for it, because the database may be to blame.
pub const SUSPECTED: &str = "crokodial.com/suspected-at";

/// On `<env>-proven`: `true` if the database could not be used since the time in [`SUSPECTED`]; absent otherwise.
pub const DATABASE_AWAY: &str = "crokodial.com/database-away";

/// On `<env>-mongo-active` and `<env>-config-active`: stage of the environment, `staging` or `prod`.
pub const STAGE: &str = "crokodial.com/stage";

/// On `<env>-config-active`: fingerprints of the values of `config.secretRefs` that have at least 16 bytes,
/// comma-separated.
pub const VALUES: &str = "crokodial.com/value-marks";

/// On `<env>-mongo-active` and `<env>-proven`: time of the last successful check of the Mongo URI, in RFC 3339 format.
pub const VERIFIED: &str = "crokodial.com/verified-at";

/// On `<env>-mongo-active` and `<env>-proven`: database role that the last successful check of the Mongo URI proved.
/// Earlier operator versions did not write it.
pub const ROLE: &str = "crokodial.com/proven-role";

/// On `<env>-mongo-active` and `<env>-proven`: version of the database server at the last successful check.
pub const VERSION: &str = "crokodial.com/server-version";

/// On `<env>-mongo-active` and `<env>-proven`: fingerprints that identify the database, comma-separated.
pub const MARKS: &str = "crokodial.com/database-marks";

/// On `<env>-mongo-active` and `<env>-proven`: value of `mongo.rotateNonce` that has taken effect last. With
/// `mongo.rotation: Manual`, a new URI is put into use only if the spec has another value.
pub const NONCE: &str = "crokodial.com/rotate-nonce";

/// On a preflight Job: UID of the Secret that the Job was created for. A recreated Secret with the same name may have
/// other data.
pub const CANDIDATE: &str = "crokodial.com/candidate-uid";

/// On a preflight Job: number of attempts to check this URI since its last success, including this Job.
pub const TRY: &str = "crokodial.com/try";

/// Data key of the Mongo URI in `<env>-mongo-active` and in the Secrets of preflight Jobs.
pub const MONGO_KEY: &str = "uri";

/// Splits the value of an annotation at its commas. Empty entries are dropped.
pub fn list(text: &str) -> Vec<String> {
    let entries = text.split(',').filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}
