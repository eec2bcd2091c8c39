//! Scripts by which a test sets how the pods of an image or of a Job behave.

use std::collections::BTreeMap;

/// How the pods of an image behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    /// Exits after each start; restarts up to five times, then stays in CrashLoopBackOff.
    CrashLoop,
    ImagePullBackOff,
    /// The container waits in `CreateContainerConfigError`. Every pod does so while a referenced Secret or ConfigMap is
    /// missing.
    ConfigError,
    /// Runs, but never becomes ready.
    NeverReady,
    Unschedulable,
    /// Becomes ready, then exits and restarts this many times.
    RestartsAfterReady(i64),
}

/// Scripted behaviours by image.
#[derive(Debug, Default, Clone)]
pub struct PodScripts(BTreeMap<String, Behaviour>);

impl PodScripts {
    /// Sets the behaviour of an image, named by its digest (`sha256:…`) or its whole reference.
    pub fn script(&mut self, image: &str, behaviour: Behaviour) {
        self.0.insert(image.into(), behaviour);
    }

    /// The behaviour set for an image reference or for its digest; `Healthy` if none is set.
    pub fn of(&self, image: &str) -> Behaviour {
        let digest = image.split_once('@').map_or("", |(_, digest)| digest);
        let scripted = self.0.get(image).or_else(|| self.0.get(digest));
        scripted.copied().unwrap_or(Behaviour::Healthy)
    }
}

/// What the pods of a Job do.
#[derive(Debug, Clone)]
pub enum JobOutcome {
    /// Exits with code 0 and this termination message.
    Succeeds(String),
    /// Exits with this code and termination message.
    Fails { exit_code: i64, message: String },
    /// Is never scheduled on a node.
    NeverScheduled,
    /// Waits because its image cannot be pulled.
    ImagePullBackOff,
    /// Runs until a deadline of the pod or the Job.
    Hangs,
    /// The outcome that this function computes from the contents of the Secrets the pod mounts, by key.
    Computed(fn(&BTreeMap<String, String>) -> JobOutcome),
}

/// Scripted outcomes by parts of the names of Jobs.
#[derive(Debug, Default, Clone)]
pub struct JobScripts(Vec<(String, JobOutcome)>);

impl JobScripts {
    /// Sets the outcome of the Jobs whose name contains `part`; the last matching script wins.
    pub fn script(&mut self, part: &str, outcome: JobOutcome) {
        self.0.retain(|(known, _)| known != part);
        self.0.push((part.to_owned(), outcome));
    }

    /// The outcome set for a Job by its name; success with an empty message if none is set.
    pub fn of(&self, job: &str) -> JobOutcome {
        let scripted = self.0.iter().rev().find(|(part, _)| job.contains(part));
        scripted.map_or_else(
            || JobOutcome::Succeeds(String::new()),
            |(_, outcome)| outcome.clone(),
        )
    }
}
