//! Secret `<env>-proven`: the contents with which all pods became ready last, and which newer contents failed. If pods
//! do not become ready with newer content, the earlier one comes back. All functions are pure.
//!
//! No pod reads this Secret. It contains the data of `<env>-mongo-active` and of `<env>-config-active`, each key with a
//! prefix. Generation numbers, fingerprints, the record of the last check and what failed are in its annotations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::credential_check::record::CheckRecord;
use super::model::annotations::{
    CONFIG_VERDICT, CONTENT, CONTENTS, CREDENTIALS, DATABASE_AWAY, FAILED, FAILED_NONCE,
    GENERATION, MONGO_BESIDE, MONGO_VERDICT, SPENT, SUSPECTED,
};
use super::model::children::Children;
use super::pod_secret::{Content, Data, Experience, FailedContent, content_mark, pair};
use crate::fingerprint::Key;

/// Prefix of the keys that are those of `<env>-mongo-active`.
const MONGO: &str = "mongo.";

/// Prefix of the keys that are those of `<env>-config-active`.
const CONFIG: &str = "config.";

/// State of the Secret `<env>-proven`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proven {
    /// Which Mongo URIs pods became ready with, and which they did not.
    pub mongo: Experience,
    /// Which values of `config.secretRefs` pods became ready with, and which they did not.
    pub config: Experience,
    /// Record of the last successful check of the proven Mongo URI.
    pub record: CheckRecord,
    /// Value of `mongo.rotateNonce` with which the contents failed.
    pub nonce: String,
    /// Suspicion against content that seems to fail; `None` if there is none.
    pub suspicion: Option<Suspicion>,
}

/// Suspicion against content with which pods do not become ready. The database may be to blame instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Time from which a check of the Mongo URI counts for the verdict.
    pub since: Timestamp,
    /// True if the database could not be used since then.
    pub database_away: bool,
}

impl Proven {
    /// Reads the Secret. Data that does not have its fingerprint, because somebody changed it, is left out. So is what
    /// failed with another value of `mongo.rotateNonce` than `nonce`: it is tried once more.
    pub fn of(live: &Children, key: &Key, nonce: &str) -> Self {
        let Some(secret) = live.proven().filter(|_| key.is_secret()) else {
            return Self {
                nonce: nonce.to_owned(),
                ..Self::default()
            };
        };
        let note = |key: &str| secret.annotations().get(key);
        let (numbers, marks) = (pair(note(CREDENTIALS)), pair(note(CONTENTS)));
        let (spent, failed) = (pair(note(SPENT)), pair(note(FAILED)));
        let counts = note(FAILED_NONCE).is_some_and(|n| n == nonce);
        let experience = |prefix: &str, (number, mark): (&str, &str), spent: &str, failed| {
            let data = part(secret, prefix);
            let genuine = !mark.is_empty() && content_mark(key, &data) == mark;
            Experience {
                proven: genuine.then(|| Content {
                    data,
                    mark: mark.to_owned(),
                    generation: number.parse().unwrap_or(0),
                }),
                failed,
                spent: spent.parse().unwrap_or(0),
            }
        };
        let verdict = |mark: &str, cause: &str| {
            let cause = note(cause).filter(|_| counts && !mark.is_empty())?;
            Some(FailedContent {
                mark: mark.to_owned(),
                cause: cause.clone(),
                beside_new: false,
            })
        };
        let beside_new = note(MONGO_BESIDE).is_some();
        let of_mongo = verdict(failed.0, MONGO_VERDICT);
        Self {
            mongo: experience(
                MONGO,
                (numbers.0, marks.0),
                spent.0,
                of_mongo.map(|failed| FailedContent {
                    beside_new,
                    ..failed
                }),
            ),
            config: experience(
                CONFIG,
                (numbers.1, marks.1),
                spent.1,
                verdict(failed.1, CONFIG_VERDICT),
            ),
            record: CheckRecord::of(Some(secret)),
            nonce: nonce.to_owned(),
            suspicion: note(SUSPECTED).and_then(|t| {
                Some(Suspicion {
                    since: t.parse().ok()?,
                    database_away: note(DATABASE_AWAY).is_some(),
                })
            }),
        }
    }

    /// Returns the data of the Secret.
    pub fn data(&self) -> Data {
        let parts = [(MONGO, &self.mongo), (CONFIG, &self.config)];
        let known = parts
            .into_iter()
            .filter_map(|(prefix, e)| Some((prefix, e.proven.as_ref()?)));
        let entries = known.flat_map(|(prefix, content)| {
            let data = content.data.iter();
            data.map(move |(key, value)| (format!("{prefix}{key}"), value.clone()))
        });
        entries.collect()
    }

    /// Returns the annotations of the Secret.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let both = |of: &dyn Fn(&Experience) -> Option<String>| {
            let [mongo, config] = [&self.mongo, &self.config].map(|e| of(e).unwrap_or_default());
            format!("{mongo}.{config}")
        };
        let cause = |e: &Experience| e.failed.as_ref().map(|failed| failed.cause.clone());
        let failed = self.mongo.failed.is_some() || self.config.failed.is_some();
        let beside_new = self.mongo.failed.as_ref().is_some_and(|f| f.beside_new);
        let flag = |is: bool| is.then(|| "true".to_owned());
        let notes = [
            (
                CREDENTIALS,
                Some(both(&|e| Some(e.proven.as_ref()?.generation.to_string()))),
            ),
            (
                CONTENTS,
                Some(both(&|e| Some(e.proven.as_ref()?.mark.clone()))),
            ),
            (SPENT, Some(both(&|e| Some(e.spent.to_string())))),
            (
                FAILED,
                failed.then(|| both(&|e| Some(e.failed.as_ref()?.mark.clone()))),
            ),
            (FAILED_NONCE, failed.then(|| self.nonce.clone())),
            (MONGO_VERDICT, cause(&self.mongo)),
            (MONGO_BESIDE, flag(beside_new)),
            (CONFIG_VERDICT, cause(&self.config)),
            (SUSPECTED, self.suspicion.map(|s| s.since.to_string())),
            (
                DATABASE_AWAY,
                flag(self.suspicion.is_some_and(|s| s.database_away)),
            ),
        ];
        let mut all = self.record.annotations();
        let notes = notes.into_iter();
        all.extend(notes.filter_map(|(key, text)| Some((key.to_owned(), text?))));
        all
    }
}

/// Returns the content of a Secret that pods read, as the operator wrote it; `None` if somebody changed it, or if an
/// earlier operator version wrote it.
pub fn content_of(secret: Option<&Secret>, key: &Key) -> Option<Content> {
    let secret = secret?;
    let mark = secret.annotations().get(CONTENT)?.clone();
    let data = secret.data.clone().unwrap_or_default();
    let generation = secret.annotations().get(GENERATION)?.parse().ok()?;
    (content_mark(key, &data) == mark).then_some(Content {
        data,
        mark,
        generation,
    })
}

fn part(secret: &Secret, prefix: &str) -> Data {
    let entries = secret.data.iter().flatten();
    let of_part = entries.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    of_part
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;
    use crate::environment::model::children::ChildKind;

    fn content(key: &Key, name: &str, value: &str, generation: i64) -> Content {
        let data = Data::from([(name.to_owned(), ByteString(value.into()))]);
        Content {
            mark: content_mark(key, &data),
            data,
            generation,
        }
    }

    fn state(key: &Key) -> Proven {
        Proven {
            mongo: Experience {
                proven: Some(content(key, "uri", "old", 1)),
                failed: Some(FailedContent {
                    mark: "bad".to_owned(),
                    cause: "it crashed".to_owned(),
                    beside_new: true,
                }),
                spent: 2,
            },
            config: Experience {
                proven: Some(content(key, "mongo.uri", "x", 4)),
                failed: None,
                spent: 0,
            },
            record: CheckRecord {
                version: Some("7.0.5".to_owned()),
                ..CheckRecord::default()
            },
            nonce: "n".to_owned(),
            suspicion: Some(Suspicion {
                since: "2026-01-01T00:00:00Z".parse().unwrap(),
                database_away: true,
            }),
        }
    }

    fn written(state: &Proven) -> Children {
        let mut secret = Secret {
            data: Some(state.data()),
            ..Secret::default()
        };
        secret.metadata.annotations = Some(state.annotations());
        let mut children = Children::default();
        children.put(ChildKind::Proven, Some(secret));
        children
    }

    #[test]
    fn the_state_reads_back() {
        let key = Key::new(b"k");
        let state = state(&key);
        assert_eq!(Proven::of(&written(&state), &key, "n"), state);
        let empty = Proven {
            nonce: "n".to_owned(),
            ..Proven::default()
        };
        assert_eq!(Proven::of(&written(&empty), &key, "n"), empty);
        assert_eq!(Proven::of(&Children::default(), &key, "n"), empty);
        // Whoever has no key cannot tell what was proven.
        assert_eq!(Proven::of(&written(&state), &Key::new(&[]), "n"), empty);
    }

    #[test]
    fn another_nonce_lifts_what_failed_and_no_number_is_used_again() {
        let key = Key::new(b"k");
        let read = Proven::of(&written(&state(&key)), &key, "other");
        assert_eq!(read.mongo.failed, None);
        assert_eq!(read.mongo.spent, 2);
        assert!(read.mongo.proven.is_some());
    }

    #[test]
    fn what_somebody_changed_is_not_proven() {
        let key = Key::new(b"k");
        let mut children = written(&state(&key));
        let mut secret = children.proven().cloned().unwrap();
        let data = secret.data.as_mut().unwrap();
        data.insert("config.ADDED".to_owned(), ByteString(b"x".to_vec()));
        children.put(ChildKind::Proven, Some(secret));
        let read = Proven::of(&children, &key, "n");
        assert_eq!(read.config.proven, None);
        assert!(read.mongo.proven.is_some());
    }
}
