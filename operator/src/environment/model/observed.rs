//! All that one reconcile knows of the world.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::CrokodialRelease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::children::Children;
use super::class::Class;
use super::image::Image;
use super::promotion::Promotion;
use super::trials::Trials;
use crate::edge::Measured;
use crate::environment::credential_check::attempt::Attempt;
use crate::environment::hosts::Claim;
use crate::environment::isolation::Isolation;
use crate::fingerprint::NewKey;
use crate::registry::Existence;
use crate::release::record::Record;
use crate::release::snapshot::Snapshot;
use crate::release::workload::PodView;
use crate::uptime::ProbeSummary;

/// State of the world as one reconcile read it.
pub struct Observed {
    /// Secret that `mongo.uriSecretRef` names.
    pub mongo_secret: Option<Secret>,
    /// Secrets that `config.secretRefs` name, by name.
    pub config_secrets: BTreeMap<String, Option<Secret>>,
    /// ConfigMaps that `config.configMapRefs` name, by name.
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    /// Children that exist.
    pub children: Children,
    /// Releases of the environment as objects.
    pub releases: Vec<CrokodialRelease>,
    /// The same releases as records.
    pub records: Vec<Record>,
    /// Metadata of every snapshot, by release number.
    pub snapshots: BTreeMap<i64, ObjectMeta>,
    /// Release numbers to skip: an object that is not ours has the name of their snapshot.
    pub taken: BTreeSet<i64>,
    /// Content of the snapshots that may run now, by release number.
    pub frozen: BTreeMap<i64, Snapshot>,
    /// Attempts to check a Mongo URI, oldest first.
    pub attempts: Vec<Attempt>,
    /// Databases and values of the other stage's environments, as fingerprints.
    pub isolation: Isolation,
    /// Key of fingerprints to store, where none is stored yet.
    pub new_key: Option<NewKey>,
    /// Secret of the certificate authority; `None` where there is none, or no certificate is wanted.
    pub authority: Option<Secret>,
    /// Pods that serve.
    pub pods: Vec<PodView>,
    /// Candidate pods and release phases.
    pub trials: Trials,
    /// Name of the image to run.
    pub image_name: String,
    /// Digest of that image, as far as it is known.
    pub image: Image,
    /// Environment that images are promoted from.
    pub promotion: Option<Promotion>,
    /// True when the registry says that the newest release's digest is gone or forbidden.
    pub image_gone: bool,
    /// Answer of the registry about the release that is due for its daily check.
    pub kept_image: Option<(i64, Existence)>,
    /// Ingress class of the route.
    pub class: Class,
    /// Claims to the domain; empty while our own Ingress carries it.
    pub claims: Vec<Claim>,
    /// Answer to a request by http; `None` where it was not measured yet.
    pub https: Option<Measured>,
    /// Result of probing the site; `None` while nothing is probed.
    pub probes: Option<ProbeSummary>,
}

/// Holds Secrets: nothing of it is printed.
impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
