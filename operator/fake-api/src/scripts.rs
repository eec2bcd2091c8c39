//! Scripts with which a test determines the behavior of the pods of an image or of a Job.

use std::collections::BTreeMap;

/// Scripted behavior of the pods of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    /// The container exits after each start. It restarts up to five times and then stays in CrashLoopBackOff.
    CrashLoop,
    ImagePullBackOff,
    /// The container waits in `CreateContainerConfigError`. A container with another behavior also waits there, instead
    /// of starting, while a Secret or ConfigMap that its environment variables need is missing.
    ConfigError,
    /// The container runs but never becomes ready.
    NeverReady,
    Unschedulable,
    /// The container becomes ready, and then exits and restarts. This repeats the given number of times.
    RestartsAfterReady(i64),
}

/// Scripted behaviors by image, and by what pods read from Secrets.
#[derive(Debug, Default, Clone)]
pub struct PodScripts {
    images: BTreeMap<String, Behaviour>,
    values: BTreeMap<String, Behaviour>,
}

impl PodScripts {
    /// Sets the behavior of an image. `image` is its digest (`sha256:…`) or its full reference.
    pub fn script(&mut self, image: &str, behaviour: Behaviour) {
        self.images.insert(image.into(), behaviour);
    }

    /// Sets the behavior of pods that read a value from a Secret which contains `part`. `Healthy` removes it.
    pub fn script_value(&mut self, part: &str, behaviour: Behaviour) {
        match behaviour {
            Behaviour::Healthy => self.values.remove(part),
            other => self.values.insert(part.into(), other),
        };
    }

    /// Returns the behavior that was set for one of the values or, if there is none, for the image reference or for its
    /// digest; `Healthy` if none was set.
    pub fn of(&self, image: &str, values: &[String]) -> Behaviour {
        let read = |part: &String| values.iter().any(|value| value.contains(part));
        let of_values = self.values.iter().find(|(part, _)| read(part));
        let digest = image.split_once('@').map_or("", |(_, digest)| digest);
        let of_image = || self.images.get(image).or_else(|| self.images.get(digest));
        let scripted = of_values.map(|(_, behaviour)| behaviour).or_else(of_image);
        scripted.copied().unwrap_or(Behaviour::Healthy)
    }
}

/// Scripted outcome of the pods of a Job.
#[derive(Debug, Clone)]
pub enum JobOutcome {
    /// The pod exits with code 0 and this termination message.
    Succeeds(String),
    /// The pod exits with the given code and termination message.
    Fails { exit_code: i64, message: String },
    /// The pod is never scheduled.
    NeverScheduled,
    /// The pod waits because its image cannot be pulled.
    ImagePullBackOff,
    /// The pod runs until a deadline of the pod or the Job.
    Hangs,
    /// The outcome is computed by this function from the content of the Secrets that the pod mounts, by key.
    Computed(fn(&BTreeMap<String, String>) -> JobOutcome),
}

/// Scripted outcomes by a part of the Job's name.
#[derive(Debug, Default, Clone)]
pub struct JobScripts(Vec<(String, JobOutcome)>);

impl JobScripts {
    /// Sets the outcome of Jobs whose name contains `part`. If several scripts match a Job, the last one applies.
    pub fn script(&mut self, part: &str, outcome: JobOutcome) {
        self.0.retain(|(known, _)| known != part);
        self.0.push((part.to_owned(), outcome));
    }

    /// Returns the outcome for a Job by its name. The default is success with an empty message.
    pub fn of(&self, job: &str) -> JobOutcome {
        let scripted = self.0.iter().rev().find(|(part, _)| job.contains(part));
        scripted.map_or_else(
            || JobOutcome::Succeeds(String::new()),
            |(_, outcome)| outcome.clone(),
        )
    }
}
