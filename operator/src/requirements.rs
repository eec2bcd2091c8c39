//! Checks what the operator needs from the cluster: its CRDs, and its rights in the watched namespaces. The result is
//! reported by /readyz and as a metric, at the start and for as long as the operator runs.

use std::time::Duration;

use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::CustomResourceExt;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::http::Readiness;
use crate::kube_io::{IoError, Kind};

/// Interval between checks while the operator cannot do anything.
const UNUSABLE_INTERVAL: Duration = Duration::from_secs(5);

/// Interval between checks while it can. A check makes three small requests for each watched namespace.
const INTERVAL: Duration = Duration::from_secs(30);

/// Result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Everything that is missing, such as `CRD crokodialenvironments.crokodial.com`, with what to do about it.
    pub missing: Vec<String>,
    /// True if the operator can work: the CRDs are installed, and at least one watched namespace can be read. The
    /// environments of the other namespaces then have to wait.
    pub usable: bool,
}

/// Checks the CRDs and the rights in all watched namespaces.
pub async fn check(ctx: &Context) -> Requirements {
    let namespaces = ctx.settings.watch_namespaces.iter();
    let reads = join_all(namespaces.map(|ns| namespace(ctx, ns))).await;
    let mut missing: Vec<String> = Vec::new();
    let mut readable = false;
    let mut without_kind = false;
    for lacks in reads {
        readable |= lacks.is_empty();
        without_kind |= lacks.iter().any(|lack| lack.kind_is_missing);
        missing.extend(lacks.into_iter().map(|lack| lack.message));
    }
    missing.extend(ctx.io.outdated_crds());
    missing.sort();
    missing.dedup();
    Requirements {
        missing,
        usable: readable && !without_kind,
    }
}

/// Waits until the operator can work. Meanwhile, /readyz reports what is missing. Returns false if the operator was
/// stopped.
pub async fn wait(ctx: &Context, readiness: &Readiness, stop: &CancellationToken) -> bool {
    let mut known = Requirements::default();
    loop {
        report(ctx, readiness, &mut known).await;
        if known.usable {
            return true;
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(UNUSABLE_INTERVAL) => {}
        }
    }
}

/// Repeats the check until the operator is stopped, so that /readyz shows what is missing now: a CRD that was deleted or
/// a right that was lost later.
pub async fn watch(ctx: &Context, readiness: &Readiness, stop: &CancellationToken) {
    let mut known = check(ctx).await;
    loop {
        let interval = if known.usable {
            INTERVAL
        } else {
            UNUSABLE_INTERVAL
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        report(ctx, readiness, &mut known).await;
    }
}

/// Checks once and reports the result. Logs it if it differs from `known`, which it replaces.
async fn report(ctx: &Context, readiness: &Readiness, known: &mut Requirements) {
    let now = check(ctx).await;
    if now.missing != known.missing {
        if now.missing.is_empty() {
            tracing::info!("everything that was missing is there");
        } else {
            tracing::warn!(missing = ?now.missing, usable = now.usable, "requirements are missing");
        }
    }
    ctx.metrics.missing_requirements(now.missing.len());
    readiness.set_missing(now.missing.clone(), now.usable);
    *known = now;
}

/// Requirement that is not met.
struct Lack {
    message: String,
    /// True if the kind itself does not exist, which concerns all namespaces.
    kind_is_missing: bool,
}

async fn namespace(ctx: &Context, namespace: &str) -> Vec<Lack> {
    let (environments, releases, secrets) = tokio::join!(
        lack::<CrokodialEnvironment>(ctx, namespace, CrokodialEnvironment::crd_name()),
        lack::<CrokodialRelease>(ctx, namespace, CrokodialRelease::crd_name()),
        lack::<Secret>(ctx, namespace, "secrets"),
    );
    [environments, releases, secrets]
        .into_iter()
        .flatten()
        .collect()
}

async fn lack<K: Kind>(ctx: &Context, namespace: &str, plural: &str) -> Option<Lack> {
    let error = ctx.io.can_list::<K>(namespace).await.err()?;
    Some(Lack {
        message: message(&error, namespace, plural),
        kind_is_missing: error.is_not_found(),
    })
}

fn message(error: &IoError, namespace: &str, plural: &str) -> String {
    if error.is_not_found() {
        format!("CRD {plural}: apply it, or set crds.install in the chart")
    } else if error.is_forbidden() {
        format!(
            "the right to list {plural} in namespace {namespace}: list the namespace in the chart's namespaces.watch, or remove it there if it was deleted"
        )
    } else {
        error.to_string()
    }
}
