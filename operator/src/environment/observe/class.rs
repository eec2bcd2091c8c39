//! Reads the IngressClass that the Ingress uses.

use crokodial_crds::RouteKind;
use k8s_openapi::api::networking::v1::IngressClass;
use kube::ResourceExt;

use crate::context::Context;
use crate::environment::effective::Effective;
use crate::environment::model::class::Class;
use crate::kube_io::IoError;

/// Looks up the IngressClass. Returns `Unknown` if the spec asks for no Ingress or the operator may not read
/// IngressClasses.
pub(super) async fn read(ctx: &Context, effective: &Effective) -> Result<Class, IoError> {
    match effective.route {
        RouteKind::Ingress if ctx.settings.read_ingress_classes => look_up(ctx, effective).await,
        RouteKind::Ingress | RouteKind::None => Ok(Class::Unknown),
    }
}

async fn look_up(ctx: &Context, effective: &Effective) -> Result<Class, IoError> {
    let named = effective.ingress_class.as_deref();
    let classes = match ctx.io.list_cluster::<IngressClass>().await {
        Ok(classes) => classes,
        // The ClusterRole for this read is optional; without it the class stays unknown.
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
