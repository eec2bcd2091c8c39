//! Annotations that the operator writes on its objects and reads back, and the keys of its Secrets. Published names:
//! they never change.

/// On every child: hash of what was applied last. With it a field that is no longer wanted is noticed too, which a
/// comparison with the wanted state cannot see.
pub const APPLIED: &str = "crokodial.com/applied";

/// On the Deployment: largest release number it ever carried. With it no number is used twice, even after every record
/// was deleted.
pub const LARGEST_RELEASE: &str = "crokodial.com/largest-release";

/// On a pod template: generations of the credentials that the pods read, `<mongo>.<config>`. A change rolls the pods. The
/// only thing that is added to a frozen template.
pub const CREDENTIALS: &str = "crokodial.com/credentials";

/// On the pods of a candidate that tries values of `config.secretRefs`: generation of those values.
pub const TRIES_CONFIG: &str = "crokodial.com/tries-config";

/// On an active copy: number of times its content has changed. A counter, never a hash of the values.
pub const GENERATION: &str = "crokodial.com/generation";

/// On values on trial: number of the release whose template tries them.
pub const RELEASE: &str = "crokodial.com/tried-with";

/// On values on trial: start of the trial, RFC 3339.
pub const SINCE: &str = "crokodial.com/since";

/// On values on trial: why they do not work.
pub const VERDICT: &str = "crokodial.com/verdict";

/// On an active copy: stage of its environment.
pub const STAGE: &str = "crokodial.com/stage";

/// On the copy of `config.secretRefs`: fingerprints of its longer values, separated by commas.
pub const VALUES: &str = "crokodial.com/value-marks";

/// On the copy of the Mongo URI: time of the last successful check, RFC 3339.
pub const VERIFIED: &str = "crokodial.com/verified-at";

/// On the copy of the Mongo URI: version of the server that was checked.
pub const VERSION: &str = "crokodial.com/server-version";

/// On the copy of the Mongo URI: fingerprints that identify its database, separated by commas.
pub const MARKS: &str = "crokodial.com/database-marks";

/// On the copy of the Mongo URI: `mongo.rotateNonce` at the time of the copy.
pub const NONCE: &str = "crokodial.com/rotate-nonce";

/// On a preflight Job: UID of the Secret that it was made for. Another Secret of the same name is another content.
pub const CANDIDATE: &str = "crokodial.com/candidate-uid";

/// On a preflight Job: number of this try of the same content, from 1.
pub const TRY: &str = "crokodial.com/try";

/// Key of the URI in `<env>-mongo-active`.
pub const MONGO_KEY: &str = "uri";

/// Entries of an annotation that lists several, separated by commas.
pub fn list(text: &str) -> Vec<String> {
    let entries = text.split(',').filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}
