//! State of a Secret that pods read: which content its generation number stands for. All functions are pure.
//!
//! A new generation number replaces every pod, so it must only change with the content. The data of the Secret alone
//! does not show that: somebody may have added a key, changed a value or deleted the Secret. Keyed fingerprints of the
//! content are therefore stored next to the generation numbers, on the Secret and on the Deployment.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::model::annotations::{CONTENT, CONTENTS, CREDENTIALS, GENERATION};
use super::model::children::Children;
use super::model::objects::pod_annotation;
use crate::fingerprint::Key;

/// Data of a Secret, by key.
pub type Data = BTreeMap<String, ByteString>;

/// Generation number in the pod template of the Deployment, and the content that it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledContent {
    /// Generation number; 0 if there is no Deployment.
    pub generation: i64,
    /// Keyed fingerprint of the content; `None` if the Deployment was written by an earlier operator version.
    pub mark: Option<String>,
}

impl RolledContent {
    /// Reads the state of `<env>-mongo-active` and of `<env>-config-active`, in this order, from the Deployment.
    pub fn of(live: &Children) -> (Self, Self) {
        let deployment = live.deployment();
        let numbers = credentials_of(deployment);
        let marks = deployment.and_then(|d| d.annotations().get(CONTENTS));
        let (numbers, marks) = (pair(numbers), pair(marks));
        let one = |number: &str, mark: &str| Self {
            generation: number.parse().unwrap_or(0),
            mark: Some(mark.to_owned()).filter(|m| !m.is_empty()),
        };
        (one(numbers.0, marks.0), one(numbers.1, marks.1))
    }
}

/// Content of a Secret that pods read, with its generation number.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Data of the Secret.
    pub data: Data,
    /// Keyed fingerprint of the data.
    pub mark: String,
    /// Generation number of the data.
    pub generation: i64,
}

/// Prints no values, because they are secret.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// Content with which pods did not become ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedContent {
    /// Keyed fingerprint of the data.
    pub mark: String,
    /// Cause, as part of a sentence.
    pub cause: String,
    /// True if the pods had content of the other Secret that was not proven either, and none was proven since: that may
    /// be to blame instead.
    pub beside_new: bool,
}

/// Experience with the contents of one of the Secrets that pods read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experience {
    /// Content with which all pods became ready last; `None` if it is not known.
    pub proven: Option<Content>,
    /// Content with which pods did not become ready, so that no pod gets it; `None` if there is none.
    pub failed: Option<FailedContent>,
    /// Largest generation number that must not be used again, because it was the one of a content that failed.
    pub spent: i64,
}

impl Experience {
    /// Returns true if the content that pods run with may be to blame if they do not become ready: it is neither proven
    /// nor known to have failed, and there is other content that is proven.
    pub fn is_in_doubt(&self, rolled: &RolledContent) -> bool {
        let failed = self.failed.as_ref().map(|failed| &failed.mark);
        let proven = self.proven.as_ref().map(|content| &content.mark);
        let mark = rolled.mark.as_ref();
        proven.is_some() && mark.is_some() && mark != proven && mark != failed
    }
}

/// Secret that pods read, and the content that the pods run with.
#[derive(Clone, Copy)]
pub struct PodSecret<'a> {
    /// Secret as it is in the cluster; `None` if it does not exist.
    pub live: Option<&'a Secret>,
    /// Content that the serving pods run with.
    pub rolled: &'a RolledContent,
    /// Which contents pods became ready with, and which they did not.
    pub experience: &'a Experience,
    /// Key of the fingerprints.
    pub key: &'a Key,
}

/// Prints no fields, because they include secret values.
impl std::fmt::Debug for PodSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PodSecret").finish_non_exhaustive()
    }
}

impl<'a> PodSecret<'a> {
    /// Returns the generation number of the Secret or, if it is deleted or has none, the one that the pods have. If it
    /// restarted at 1, new values could get a number that pods already have, and these pods would not be replaced.
    pub fn generation(&self) -> i64 {
        let annotation = self.live.and_then(|s| s.annotations().get(GENERATION));
        let stored = annotation.and_then(|text| text.parse().ok());
        stored.unwrap_or(self.rolled.generation)
    }

    /// Returns the fingerprint of the content that the generation number stands for; `None` if it is not known.
    pub fn mark(&self) -> Option<String> {
        match self.live {
            Some(live) => {
                let stored = live.annotations().get(CONTENT).cloned();
                let of_data = || content_mark(self.key, live.data.as_ref().unwrap_or(&Data::new()));
                Some(stored.unwrap_or_else(of_data))
            }
            None => self.rolled.mark.clone(),
        }
    }

    /// Returns the generation number that the Secret gets with `data`: the next one, unless it already has this
    /// content.
    pub fn generation_of(&self, data: &Data) -> i64 {
        let mark = content_mark(self.key, data);
        let runs = self.rolled.mark.as_ref() == Some(&mark);
        let has = match self.live {
            Some(live) => holds(live, data, &mark),
            None => runs,
        };
        match (has, runs) {
            (true, true) => self.rolled.generation,
            (true, false) => self.generation(),
            (false, _) => self.next_generation(),
        }
    }

    /// Returns a generation number that neither the Secret, the pods nor the proven content have, nor a content that
    /// failed had.
    pub fn next_generation(&self) -> i64 {
        let proven = self.experience.proven.as_ref().map_or(0, |c| c.generation);
        let known = [self.rolled.generation, self.experience.spent, proven];
        let largest = known.into_iter().fold(self.generation(), i64::max);
        largest.saturating_add(1)
    }

    /// True if `data` needs no trial: the Secret has this content, or had it before somebody changed or deleted the
    /// Secret, or it is the one with which all pods became ready last.
    pub fn is_in_use(&self, data: &Data) -> bool {
        let mark = content_mark(self.key, data);
        let recorded = |known: Option<&String>| known == Some(&mark);
        let proven = self.experience.proven.as_ref().map(|c| &c.mark);
        self.live.is_some_and(|live| {
            holds(live, data, &mark) || recorded(live.annotations().get(CONTENT))
        }) || recorded(self.rolled.mark.as_ref())
            || recorded(proven)
    }

    /// Returns why pods do not get the content with this fingerprint; `None` if it did not fail.
    pub fn failure(&self, mark: &str) -> Option<&'a str> {
        let failed = self.experience.failed.as_ref();
        failed
            .filter(|failed| failed.mark == mark)
            .map(|failed| failed.cause.as_str())
    }

    /// Returns the proven content if it must come back: the Secret has content that failed, or it was deleted and pods
    /// have the proven content. `None` in all other cases, and if no content is known to be proven.
    pub fn fallback(&self) -> Option<&'a Content> {
        let proven = self.experience.proven.as_ref()?;
        let mark = self.mark()?;
        let failed = self.failure(&mark).is_some() && proven.mark != mark;
        let deleted = self.live.is_none() && proven.mark == mark;
        (failed || deleted).then_some(proven)
    }

    /// True if the pods run with the proven content.
    pub fn runs_proven(&self) -> bool {
        let proven = self.experience.proven.as_ref().map(|c| &c.mark);
        proven.is_some() && self.rolled.mark.as_ref() == proven
    }
}

/// Returns the generation numbers in the pod template of a Deployment, as `<mongo>.<config>`; `None` if it has none.
pub fn credentials_of(deployment: Option<&Deployment>) -> Option<&String> {
    pod_annotation(deployment?, CREDENTIALS)
}

/// Splits the value of an annotation into the part about `<env>-mongo-active` and the one about `<env>-config-active`.
/// Both are empty if there is no such annotation.
pub fn pair(text: Option<&String>) -> (&str, &str) {
    text.and_then(|t| t.split_once('.')).unwrap_or_default()
}

/// Returns the keyed fingerprint of the data of a Secret that pods read.
pub fn content_mark(key: &Key, data: &Data) -> String {
    let mut content = Vec::new();
    for (name, value) in data {
        for part in [name.as_bytes(), value.0.as_slice()] {
            content.extend_from_slice(part.len().to_string().as_bytes());
            content.push(b':');
            content.extend_from_slice(part);
        }
    }
    key.mark("content", &content)
}

/// True if the Secret has this content, apart from keys that somebody else added. `mark` is the fingerprint of `data`.
/// Without a fingerprint on the Secret, which earlier operator versions did not write, the data must be equal.
pub fn holds(secret: &Secret, data: &Data, mark: &str) -> bool {
    let live = secret.data.as_ref();
    let has = |(key, value)| live.is_some_and(|live| live.get(key) == Some(value));
    let as_many = live.map_or(0, Data::len) == data.len();
    let ours = secret.annotations().get(CONTENT).is_some_and(|m| m == mark);
    (as_many || ours) && data.iter().all(has)
}
