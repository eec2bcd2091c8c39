//! Findings about the answers of the Ingress controller to plain HTTP requests, and advice for its settings. All functions are pure.

use crokodial_crds::{Reason, RouteKind};

use super::effective::Effective;
use super::finding::Finding;
use super::model::class::Class;
use super::model::observed::Observed;
use crate::edge::PlainHttpAnswer;

/// Returns the finding for condition `HttpsForced`; `None` if HTTP need not redirect to HTTPS.
pub fn https(effective: &Effective, observed: &Observed) -> Option<Finding> {
    let routed = match effective.route {
        RouteKind::Ingress => true,
        RouteKind::None => false,
    };
    if !effective.force_https || !routed {
        return None;
    }
    Some(match &observed.https {
        None => Finding::unknown(
            Reason::NotMeasured,
            "no address is published yet to send a request to",
        ),
        Some(PlainHttpAnswer::Redirects { .. }) => Finding::yes(
            Reason::Succeeded,
            "a request by http was redirected to https",
        ),
        Some(PlainHttpAnswer::DoesNotRedirect { status }) => {
            let how = how_to_redirect(&observed.class);
            let what = format!(
                "a request by http was answered with {status} instead of a redirect; {how}"
            );
            Finding::no(Reason::ControllerNeedsConfig, what)
        }
        Some(PlainHttpAnswer::Unreachable { .. }) => Finding::unknown(
            Reason::NotMeasured,
            "no answer to a request by http at the published address",
        ),
    })
}

/// Returns the setting by which the Ingress controller of this class publishes its address, as the end of a sentence;
/// empty for a controller whose default is to publish it, or that is not known.
pub fn how_to_publish(class: &Class) -> &'static str {
    match class {
        Class::Known(controller) if controller.starts_with("traefik.io/") => {
            "; Traefik does with providers.kubernetesIngress.publishedService.enabled=true in its chart"
        }
        Class::Known(controller) if controller.starts_with("nginx.org/") => {
            "; NGINX Ingress Controller does with -report-ingress-status and -external-service"
        }
        Class::Known(controller) if controller.starts_with("haproxy.org/") => {
            "; HAProxy does with --publish-service"
        }
        _ => "",
    }
}

/// Returns advice on how to make the Ingress controller of this class redirect to HTTPS.
fn how_to_redirect(class: &Class) -> &'static str {
    match class {
        Class::Known(controller) if controller.starts_with("traefik.io/") => {
            "Traefik redirects at its entry point: entryPoints.web.http.redirections.entryPoint.to=websecure"
        }
        Class::Known(controller) if controller.contains("nginx") => {
            "ingress-nginx redirects by its ConfigMap: force-ssl-redirect: \"true\""
        }
        _ => "see its documentation for redirecting http to https",
    }
}
