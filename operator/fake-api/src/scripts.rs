//! Scripts of a test: what the pods of an image and of a Job do.

use std::collections::BTreeMap;

/// Behaviour of the pods of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    /// Exits after each start; restarts up to five times, then stays in CrashLoopBackOff.
    CrashLoop,
    ImagePullBackOff,
    /// `CreateContainerConfigError`; also what any image does while a referenced Secret or ConfigMap is missing.
    ConfigError,
    /// Runs, but its readiness probe fails.
    NeverReady,
    Unschedulable,
    /// Becomes ready, then exits and restarts this many times.
    RestartsAfterReady(i64),
}

/// Behaviours by image.
#[derive(Debug, Default, Clone)]
pub struct PodScripts(BTreeMap<String, Behaviour>);

impl PodScripts {
    /// Scripts an image, named by its digest (`sha256:…`) or its whole reference.
    pub fn script(&mut self, image: &str, behaviour: Behaviour) {
        self.0.insert(image.into(), behaviour);
    }

    /// The behaviour scripted for an image reference, by the whole reference or its digest; else `Healthy`.
    pub fn of(&self, image: &str) -> Behaviour {
        let digest = image.split_once('@').map_or("", |(_, digest)| digest);
        let scripted = self.0.get(image).or_else(|| self.0.get(digest));
        scripted.copied().unwrap_or(Behaviour::Healthy)
    }
}

/// Outcome of the pods of a Job.
#[derive(Debug, Clone)]
pub enum JobOutcome {
    /// Exits 0 with this termination message.
    Succeeds(String),
    /// Exits with another code.
    Fails { exit_code: i64, message: String },
    /// No node takes it.
    NeverScheduled,
    /// Its image cannot be pulled.
    ImagePullBackOff,
    /// Runs until its Job's deadline.
    Hangs,
    /// Computed from the contents of the Secrets that the pod mounts.
    Computed(fn(&BTreeMap<String, String>) -> JobOutcome),
}

/// Outcomes by the names of Jobs.
#[derive(Debug, Default, Clone)]
pub struct JobScripts(Vec<(String, JobOutcome)>);

impl JobScripts {
    /// Jobs whose name contains `part`; the last script wins.
    pub fn script(&mut self, part: &str, outcome: JobOutcome) {
        self.0.retain(|(known, _)| known != part);
        self.0.push((part.to_owned(), outcome));
    }

    /// The outcome scripted for a Job; else success with an empty message.
    pub fn of(&self, job: &str) -> JobOutcome {
        let scripted = self.0.iter().rev().find(|(part, _)| job.contains(part));
        scripted.map_or_else(
            || JobOutcome::Succeeds(String::new()),
            |(_, outcome)| outcome.clone(),
        )
    }
}
