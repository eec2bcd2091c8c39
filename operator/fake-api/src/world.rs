//! Simulated Kubernetes controllers of the fake API server. They run only when a test calls `step`. Each step makes one
//! state transition, so a test can crash the operator between any two of them.

use std::collections::BTreeMap;

use crate::api::FakeApi;
use crate::controllers::deployment::SimulatedDeploymentController;
use crate::controllers::ingress::SimulatedIngressController;
use crate::controllers::job::SimulatedJobController;
use crate::controllers::kubelet::SimulatedKubelet;
use crate::controllers::replica_set::SimulatedReplicaSetController;
use crate::scripts::{Behaviour, JobOutcome, JobScripts, PodScripts};

/// Simulated Deployment, ReplicaSet, Job and Ingress controllers, scheduler and kubelet of one fake API server.
#[derive(Debug)]
pub struct World {
    api: FakeApi,
    pods: PodScripts,
    jobs: JobScripts,
    /// Values that running containers read from Secrets when they started, by the uid of their pod.
    environments: BTreeMap<String, Vec<String>>,
    ingress: SimulatedIngressController,
}

impl World {
    pub fn new(api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            pods: PodScripts::default(),
            jobs: JobScripts::default(),
            environments: BTreeMap::new(),
            ingress: SimulatedIngressController {
                class: None,
                address: "192.0.2.10".into(),
            },
        }
    }

    /// Creates controllers with the same scripts for another server.
    pub fn copy(&self, api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            pods: self.pods.clone(),
            jobs: self.jobs.clone(),
            environments: self.environments.clone(),
            ingress: self.ingress.clone(),
        }
    }

    /// Sets the behavior of pods of an image. `image` is its digest (`sha256:…`) or its full reference. Pods of other
    /// images are healthy. Existing pods follow the new behavior from their next transition.
    pub fn behave(&mut self, image: &str, behaviour: Behaviour) {
        self.pods.script(image, behaviour);
    }

    /// Sets the behavior of pods that read a value from a Secret which contains `part`, whatever their image. A container
    /// reads Secrets when it starts: pods that run keep the values that they have. `Healthy` removes the behavior.
    pub fn behave_with(&mut self, part: &str, behaviour: Behaviour) {
        self.pods.script_value(part, behaviour);
    }

    /// Sets the outcome of Jobs whose name contains `part`. If several scripts match a Job, the last one applies. All
    /// other Jobs succeed with an empty message. Existing pods follow the new outcome from their next transition.
    pub fn run_jobs(&mut self, part: &str, outcome: JobOutcome) {
        self.jobs.script(part, outcome);
    }

    /// Restricts the ingress controller to Ingresses of this class and Ingresses without a class. By default, it
    /// handles all Ingresses.
    pub fn ingress_class(&mut self, class: &str) {
        self.ingress.class = Some(class.into());
    }

    /// Performs one state transition with the first controller that has work, and returns its description. Returns
    /// `None` if no controller has work left.
    pub fn step(&mut self) -> Option<String> {
        let done = {
            let mut state = self.api.lock();
            let store = &mut state.store;
            SimulatedDeploymentController
                .step(store)
                .or_else(|| SimulatedReplicaSetController.step(store))
                .or_else(|| SimulatedJobController.step(store))
                .or_else(|| {
                    SimulatedKubelet {
                        pods: &self.pods,
                        jobs: &self.jobs,
                        environments: &mut self.environments,
                    }
                    .step(store)
                })
                .or_else(|| self.ingress.step(store))
        };
        self.api.announce();
        done
    }

    /// Performs steps until no controller has work left, and returns their descriptions. Panics if more than `limit`
    /// steps are needed; the message contains the last five steps.
    pub fn settle(&mut self, limit: usize) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(what) = self.step() {
            done.push(what);
            assert!(
                done.len() <= limit,
                "not at rest after {limit} steps: {:?}",
                &done[done.len().saturating_sub(5)..]
            );
        }
        done
    }

    /// Deletes a pod, as an eviction does. Returns false if the pod did not exist.
    pub fn evict(&self, namespace: &str, pod: &str) -> bool {
        self.api.delete("pods", namespace, pod)
    }
}
