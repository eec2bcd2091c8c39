//! The built-in controllers, which run only when a test calls `step`. Each step makes one transition, so that a test
//! can crash the operator between any two transitions.

use crate::api::FakeApi;
use crate::controllers::deployment::SimulatedDeploymentController;
use crate::controllers::ingress::SimulatedIngressController;
use crate::controllers::job::SimulatedJobController;
use crate::controllers::kubelet::SimulatedKubelet;
use crate::controllers::replica_set::SimulatedReplicaSetController;
use crate::scripts::{Behaviour, JobOutcome, JobScripts, PodScripts};

/// The Deployment, ReplicaSet, Job and Ingress controllers, the scheduler and the kubelet of one fake API.
#[derive(Debug)]
pub struct World {
    api: FakeApi,
    pods: PodScripts,
    jobs: JobScripts,
    ingress: SimulatedIngressController,
}

impl World {
    pub fn new(api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            pods: PodScripts::default(),
            jobs: JobScripts::default(),
            ingress: SimulatedIngressController {
                class: None,
                address: "192.0.2.10".into(),
            },
        }
    }

    /// Controllers with the same scripts for another server.
    pub fn copy(&self, api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            pods: self.pods.clone(),
            jobs: self.jobs.clone(),
            ingress: self.ingress.clone(),
        }
    }

    /// Sets the behaviour of the pods of an image, named by its digest (`sha256:…`) or its whole reference. Pods of
    /// other images are healthy. Running pods follow the new behaviour from their next transition on.
    pub fn behave(&mut self, image: &str, behaviour: Behaviour) {
        self.pods.script(image, behaviour);
    }

    /// Sets the outcome of the Jobs whose name contains `part`; the last matching script wins. Other Jobs succeed with
    /// an empty message. Running pods follow the new outcome from their next transition on.
    pub fn run_jobs(&mut self, part: &str, outcome: JobOutcome) {
        self.jobs.script(part, outcome);
    }

    /// Restricts the ingress controller to this class and to Ingresses without a class. By default it admits every
    /// Ingress.
    pub fn ingress_class(&mut self, class: &str) {
        self.ingress.class = Some(class.into());
    }

    /// Makes one transition of one controller and returns its description; `None` if no controller has work left.
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
                    }
                    .step(store)
                })
                .or_else(|| self.ingress.step(store))
        };
        self.api.announce();
        done
    }

    /// Steps until no controller has work left and returns the descriptions of the steps. Panics after `limit` steps,
    /// with the last ones in the message.
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

    /// Deletes a pod, as an eviction does. False if the pod did not exist.
    pub fn evict(&self, namespace: &str, pod: &str) -> bool {
        self.api.delete("pods", namespace, pod)
    }
}
