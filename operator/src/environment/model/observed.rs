//! Observed state that one reconcile bases its decisions on.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{CrokodialRelease, ImageStatus};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::annotations::LARGEST_RELEASE;
use super::children::Children;
use super::class::Class;
use super::image::Image;
use super::promotion::Promotion;
use super::tenancy::Tenancy;
use super::trials::Trials;
use crate::edge::PlainHttpAnswer;
use crate::environment::credential_check::attempt::Attempt;
use crate::environment::hosts::Claim;
use crate::environment::isolation::Isolation;
use crate::environment::record_copies::RecordCopies;
use crate::environment::snapshots::Seals;
use crate::fingerprint::NewKey;
use crate::registry::Existence;
use crate::release::record::Record;
use crate::release::snapshot::Snapshot;
use crate::release::view::ImageCheck;
use crate::release::workload::PodView;
use crate::uptime::ProbeSummary;

/// State of the cluster, the image registries and the site, as one reconcile read it.
pub struct Observed {
    /// Secret named in `mongo.uriSecretRef`; `None` if it does not exist.
    pub mongo_secret: Option<Secret>,
    /// Secrets named in `config.secretRefs`, and those that releases which may run read, by name; `None` for a Secret that
    /// does not exist.
    pub config_secrets: BTreeMap<String, Option<Secret>>,
    /// ConfigMaps named in `config.configMapRefs`, by name; `None` for a ConfigMap that does not exist.
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    /// Child objects of the environment that exist in the cluster.
    pub children: Children,
    /// Release records of the environment as Kubernetes objects.
    pub releases: Vec<CrokodialRelease>,
    /// Parsed release records of the environment.
    pub records: Vec<Record>,
    /// Metadata of the environment's snapshots that the operator created, by release number.
    pub snapshots: BTreeMap<i64, ObjectMeta>,
    /// Release numbers that cannot be used, because an object that the operator did not make has the name of their
    /// snapshot.
    pub taken: BTreeSet<i64>,
    /// Contents of the snapshots of the releases that this reconcile may run, by release number. Only those that the
    /// operator made.
    pub frozen: BTreeMap<i64, Snapshot>,
    /// Facts about these snapshots: their digests, and which ones must not be applied.
    pub seals: Seals,
    /// Copies of the records: which are to be written, and which records are made again. Those are among `records`.
    pub copies: RecordCopies,
    /// Attempts to check a Mongo URI whose Job or Secret still exists, oldest first.
    pub attempts: Vec<Attempt>,
    /// Comparison with the databases and secret values of the other stage's environments.
    pub isolation: Isolation,
    /// New HMAC key for fingerprints that must be stored; `None` if a key is already stored.
    pub new_key: Option<NewKey>,
    /// Secret of the certificate authority; `None` if it does not exist or no certificate is wanted.
    pub authority: Option<Secret>,
    /// Pods of the serving Deployment.
    pub pods: Vec<PodView>,
    /// State of the candidate pods and release phases.
    pub trials: Trials,
    /// Name of the image to run; empty if `promotion.auto` has chosen none.
    pub image_name: String,
    /// Digest of `image_name`, as far as it is known.
    pub image: Image,
    /// Time at which the image's tag must be looked up again, because it is followed or the last lookup failed; if it has
    /// come, the registry was asked and has not answered yet. `None` if there is no such time.
    pub next_lookup: Option<Timestamp>,
    /// Result of the last lookup of the image's tag, for the status; `None` if there is none.
    pub resolved: Option<ImageStatus>,
    /// Promotion that the spec asks for, with the state of its source; `None` without `spec.promotion`.
    pub promotion: Option<Promotion>,
    /// Registry's word on the digest of the release in flight, while a pod cannot pull it.
    pub image_check: ImageCheck,
    /// Number of the release that is due for its daily rollback check, and whether its image still exists; `None` if no
    /// release is due or the registry has not answered.
    pub kept_image: Option<(i64, Existence)>,
    /// State of the IngressClass that the Ingress uses.
    pub class: Class,
    /// Limits that the tenant sets for the environment.
    pub tenancy: Tenancy,
    /// Environments that claim the domain; empty while it is known that the domain is this environment's.
    pub claims: Vec<Claim>,
    /// Causes for which the claims of some namespaces could not be read, one for each namespace.
    pub unreadable_claims: Vec<String>,
    /// Answer to a plain HTTP request to the domain; `None` if there is no answer yet or no redirect to HTTPS is
    /// required.
    pub https: Option<PlainHttpAnswer>,
    /// Results of probing the site; `None` while it is not probed.
    pub probes: Option<ProbeSummary>,
}

/// Maximum distance of a number in an annotation or a snapshot's name from the newest record. A larger one was written by
/// somebody else: the CRD limits numbers to nine digits, so it would make the next release impossible.
const MAX_GAP: i64 = 1_000_000;

/// Returns the largest number of a release that is known from records, snapshots and the Deployment's annotation; 0 if
/// there is none. Numbers that are not possible do not count.
pub fn largest_release(
    children: &Children,
    records: &[Record],
    snapshots: &BTreeMap<i64, ObjectMeta>,
) -> i64 {
    let recorded = recorded(records);
    let possible = claimed(children, snapshots).filter(|n| is_possible(*n, recorded));
    possible.max().unwrap_or(0).max(recorded)
}

/// Returns the largest number of a record; 0 if there is none.
pub fn recorded(records: &[Record]) -> i64 {
    records.iter().map(Record::number).max().unwrap_or(0)
}

/// Returns the numbers in the names of snapshots and in the Deployment's annotation.
pub fn claimed(
    children: &Children,
    snapshots: &BTreeMap<i64, ObjectMeta>,
) -> impl Iterator<Item = i64> {
    let deployment = children.deployment();
    let annotation =
        deployment.and_then(|d| d.annotations().get(LARGEST_RELEASE)?.parse::<i64>().ok());
    snapshots.keys().copied().chain(annotation)
}

/// True if a number is not too far from `recorded`, the largest number of a record.
pub fn is_possible(number: i64, recorded: i64) -> bool {
    number <= recorded.saturating_add(MAX_GAP)
}

/// Prints no fields, because they include Secrets.
impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
