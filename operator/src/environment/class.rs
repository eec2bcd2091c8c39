//! The class of the route: which controller serves it.

use crokodial_crds::RouteKind;
use k8s_openapi::api::networking::v1::IngressClass;
use kube::ResourceExt;

use super::effective::Effective;
use crate::context::Context;
use crate::kube_io::IoError;

/// The class of the route, as far as it may be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// It exists; the controller that serves it.
    Known(String),
    /// There is none of that name; `None`: the cluster has no default class.
    Missing(Option<String>),
    /// The operator may not look.
    Unknown,
}

/// Looks it up.
pub async fn class(ctx: &Context, effective: &Effective) -> Result<Class, IoError> {
    if effective.route == RouteKind::None || !ctx.settings.read_ingress_classes {
        return Ok(Class::Unknown);
    }
    let named = effective.ingress_class.as_deref();
    let classes = match ctx.io.list_cluster::<IngressClass>().await {
        Ok(classes) => classes,
        // Without the optional ClusterRole the check is left out, not failed.
        Err(error) if error.is_forbidden() => return Ok(Class::Unknown),
        Err(error) => return Err(error),
    };
    let found = classes.iter().find(|c| match named {
        Some(name) => c.name_any() == name,
        None => c
            .annotations()
            .get("ingressclass.kubernetes.io/is-default-class")
            .is_some_and(|v| v == "true"),
    });
    let controller = found.map(|c| {
        c.spec
            .as_ref()
            .and_then(|s| s.controller.clone())
            .unwrap_or_default()
    });
    Ok(controller.map_or_else(|| Class::Missing(named.map(str::to_owned)), Class::Known))
}
