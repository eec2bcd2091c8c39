//! Everything that one reconcile observed.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::CrokodialRelease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::children::Children;
use super::class::Class;
use super::image::Image;
use super::promotion::Promotion;
use super::trials::Trials;
use crate::edge::PlainHttpAnswer;
use crate::environment::credential_check::attempt::Attempt;
use crate::environment::hosts::Claim;
use crate::environment::isolation::Isolation;
use crate::fingerprint::NewKey;
use crate::registry::Existence;
use crate::release::record::Record;
use crate::release::snapshot::Snapshot;
use crate::release::workload::PodView;
use crate::uptime::ProbeSummary;

/// State of the cluster, registries, edge and probes, as one reconcile read it.
pub struct Observed {
    /// Secret that `mongo.uriSecretRef` names.
    pub mongo_secret: Option<Secret>,
    /// Secrets that `config.secretRefs` name, by name; `None` for one that does not exist.
    pub config_secrets: BTreeMap<String, Option<Secret>>,
    /// ConfigMaps that `config.configMapRefs` name, by name; `None` for one that does not exist.
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    /// Children that exist in the cluster.
    pub children: Children,
    /// Releases of the environment as Kubernetes objects.
    pub releases: Vec<CrokodialRelease>,
    /// The releases of `releases`, parsed.
    pub records: Vec<Record>,
    /// Metadata of every snapshot that the operator made, by release number.
    pub snapshots: BTreeMap<i64, ObjectMeta>,
    /// Release numbers that cannot be used, because an object that the operator did not make has the name of their
    /// snapshot.
    pub taken: BTreeSet<i64>,
    /// Content of the snapshots that this reconcile may run, by release number.
    pub frozen: BTreeMap<i64, Snapshot>,
    /// Attempts to check a Mongo URI, oldest first.
    pub attempts: Vec<Attempt>,
    /// Fingerprints of the databases and values of the other stage's environments.
    pub isolation: Isolation,
    /// New key of fingerprints to store, if none is stored yet.
    pub new_key: Option<NewKey>,
    /// Secret of the certificate authority; `None` if it does not exist or no certificate is wanted.
    pub authority: Option<Secret>,
    /// Pods of the serving Deployment.
    pub pods: Vec<PodView>,
    /// Candidate pods and release phases.
    pub trials: Trials,
    /// Name of the image to run.
    pub image_name: String,
    /// Digest of `image_name`, as far as it is known.
    pub image: Image,
    /// Source that images are promoted from; `None` without `spec.promotion`.
    pub promotion: Option<Promotion>,
    /// True when the registry says that the digest of the newest release does not exist or must not be pulled.
    pub image_gone: bool,
    /// Number of the release that is due for its daily rollback check, and whether its image still exists.
    pub kept_image: Option<(i64, Existence)>,
    /// IngressClass of the Ingress.
    pub class: Class,
    /// Claims of environments to the domain; empty while our own Ingress already has a rule for it.
    pub claims: Vec<Claim>,
    /// Answer to a plain HTTP request to the domain; `None` if none was measured yet.
    pub https: Option<PlainHttpAnswer>,
    /// Results of probing the site; `None` while it is not probed.
    pub probes: Option<ProbeSummary>,
}

/// Prints no content, because it includes Secrets.
impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
