//! Value parsers of the operator's flags, for clap.
//!
//! The parsers always return `Ok` to clap. An invalid value is an `Err` inside that `Ok`, so that
//! [`Config::from_args`](super::Config::from_args) can report the errors of all flags together.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use clap::ValueEnum;
use crokodial_crds::TlsMode;
use crokodial_crds::names::ImageRef;
use tracing_subscriber::EnvFilter;

use super::syntax::{is_dns_label, is_dns_subdomain, is_host_port};
use crate::leader::Timing;
use crate::telemetry::LogFormat;
use crate::tenants::Tenants;

/// Parsed value of a flag, or the errors in it. `Ok(None)` is an empty value, which counts as unset because the Helm
/// chart renders unset values as empty strings.
pub type Given<T> = Result<Option<T>, InvalidValue>;

/// Return type of the parsers. clap requires a `Result`, but the outer error never occurs: errors of a value are inside
/// [`Given`].
type Parsed<T> = Result<Given<T>, Infallible>;

/// Errors in the value of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// Descriptions of the problems; never empty.
    pub problems: Vec<String>,
    /// Advice on how to correct the value, as an imperative.
    pub fix: &'static str,
}

/// Advice for an invalid or missing value of the flag that [`namespaces`] parses.
pub const NAMESPACES_FIX: &str =
    "give namespaces separated by commas, e.g. crokodial-staging,crokodial-prod";

/// Advice for an invalid or missing value of the flag that [`operator_namespace`] parses.
pub const OPERATOR_NAMESPACE_FIX: &str =
    "give the namespace the operator runs in, e.g. crokodial-system";

/// Parses comma-separated namespace names. The result is sorted and contains no duplicates.
pub fn namespaces(text: &str) -> Parsed<Vec<String>> {
    let valid = |name: &String| is_dns_label(name);
    let problem = |name: &String| format!("{name:?} is not a namespace name");
    list(text, NAMESPACES_FIX, str::to_owned, valid, problem)
}

/// Parses the name of the operator's namespace.
pub fn operator_namespace(text: &str) -> Parsed<String> {
    named(text, OPERATOR_NAMESPACE_FIX, "namespace name", is_dns_label)
}

/// Advice for an invalid value of the flag that [`tenants`] parses.
pub const TENANTS_FIX: &str = "give a JSON list such as [{\"name\":\"acme\",\"namespaces\":[\"acme-prod\"],\"domains\":[\"*.acme.com\"]}], with watched namespaces";

/// Parses the JSON list of tenants. An empty list counts as unset.
pub fn tenants(text: &str) -> Parsed<Tenants> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Ok(None));
    }
    Ok(Tenants::parse(text)
        .map(Some)
        .map_err(|problems| InvalidValue {
            problems,
            fix: TENANTS_FIX,
        }))
}

/// Parses the name of an ingress class.
pub fn ingress_class(text: &str) -> Parsed<String> {
    let fix = "give a name that `kubectl get ingressclass` lists, or leave it out for the cluster's default";
    named(text, fix, "name of an ingress class", is_dns_subdomain)
}

/// Parses a TLS mode: `SelfSigned` or `None`.
pub fn tls_mode(text: &str) -> Parsed<TlsMode> {
    one(text, "give SelfSigned or None", |text| match text {
        "SelfSigned" => Ok(TlsMode::SelfSigned),
        "None" => Ok(TlsMode::None),
        other => Err(format!("{other:?} is not a TLS mode")),
    })
}

/// Parses comma-separated registries, each `host` or `host:port`. The result is in lower case.
pub fn registries(text: &str) -> Parsed<Vec<String>> {
    let fix =
        "give hosts without scheme or path, separated by commas, e.g. registry.example.test:5000";
    let valid = |host: &String| is_host_port(host);
    let problem = |host: &String| format!("{host:?} is not host or host:port");
    list(text, fix, str::to_ascii_lowercase, valid, problem)
}

/// Parses `true` or `false`.
pub fn boolean(text: &str) -> Parsed<bool> {
    one(text, "give true or false", |text| {
        text.parse()
            .map_err(|_| format!("{text:?} is not a truth value"))
    })
}

/// Parses the name of this replica's pod.
pub fn pod_name(text: &str) -> Parsed<String> {
    let fix = "give the pod's name, or leave it out for the host's";
    named(text, fix, "name of a pod", is_dns_subdomain)
}

/// Parses a lease duration in whole seconds, from `2s` to `60s`.
pub fn lease_duration(text: &str) -> Parsed<Timing> {
    let fix = "give whole seconds, e.g. 5s, or leave it out for 5s";
    one(text, fix, |text| {
        let seconds = text.strip_suffix('s').and_then(|n| n.parse::<u16>().ok());
        let seconds = seconds.filter(|seconds| (2..=60).contains(seconds));
        seconds
            .map(|seconds| Timing { seconds })
            .ok_or_else(|| format!("{text:?} is not a number of seconds from 2s to 60s"))
    })
}

/// Parses an image reference, such as `registry/name:tag`.
pub fn image(text: &str) -> Parsed<String> {
    let fix = "give the operator's own image, registry/name:tag or registry/name@sha256:<digest>";
    let valid = |text: &str| text.parse::<ImageRef>().is_ok();
    one(text, fix, |text| {
        let problem = || format!("{text:?} is not an image");
        valid(text).then(|| text.to_owned()).ok_or_else(problem)
    })
}

/// Parses the name of an image pull Secret.
pub fn pull_secret(text: &str) -> Parsed<String> {
    let fix = "give the name of a Secret of type kubernetes.io/dockerconfigjson that each watched namespace has";
    named(text, fix, "name of a Secret", is_dns_subdomain)
}

/// Parses the maximum number of concurrent reconciles, from 1 to 1000.
pub fn concurrency(text: &str) -> Parsed<NonZeroU16> {
    one(text, "give a whole number, or leave it out for 8", |text| {
        let number = text.parse::<NonZeroU16>().ok();
        number
            .filter(|number| number.get() <= 1000)
            .ok_or_else(|| format!("{text:?} is not a number from 1 to 1000"))
    })
}

/// Parses an IP address with a port, such as `0.0.0.0:8080`.
pub fn listen(text: &str) -> Parsed<SocketAddr> {
    let fix = "give address:port, e.g. 0.0.0.0:8080 or [::]:8080";
    one(text, fix, |text| {
        text.parse()
            .map_err(|_| format!("{text:?} is not an address with a port"))
    })
}

/// Parses a log format: `text` or `json`.
pub fn log_format(text: &str) -> Parsed<LogFormat> {
    one(text, "give text or json", |text| {
        LogFormat::from_str(text, false).map_err(|_| format!("{text:?} is not a log format"))
    })
}

/// Validates a log filter in the syntax of tracing's `EnvFilter`.
pub fn log_level(text: &str) -> Parsed<String> {
    let fix = "give error, warn, info, debug or trace, or a list like info,kube=warn";
    one(text, fix, |text| {
        // The library panics on some non-ASCII letters. No log target has such letters in its name.
        let parsed = if text.is_ascii() {
            EnvFilter::try_new(text).map_err(|error| error.to_string())
        } else {
            Err("a letter that is not ASCII".to_owned())
        };
        match parsed {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("{text:?} is not a log filter ({error})")),
        }
    })
}

/// Parses a single value with `parse`, after trimming whitespace. Empty text results in `Ok(None)`. `fix` is the advice
/// for an invalid value.
fn one<T>(
    text: &str,
    fix: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Parsed<T> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Ok(None));
    }
    let invalid = |problem| InvalidValue {
        problems: vec![problem],
        fix,
    };
    Ok(parse(text).map(Some).map_err(invalid))
}

/// Parses a name and checks it with `valid`. `what` is a noun such as "name of a pod", used in the error message. `fix`
/// is the advice for an invalid name.
fn named(text: &str, fix: &'static str, what: &str, valid: fn(&str) -> bool) -> Parsed<String> {
    one(text, fix, |text| {
        let problem = || format!("{text:?} is not a {what}");
        valid(text).then(|| text.to_owned()).ok_or_else(problem)
    })
}

/// Parses comma-separated values. They are normalized with `normalise`, sorted, deduplicated, and checked with `valid`.
/// `problem` formats the message for an invalid value.
fn list(
    text: &str,
    fix: &'static str,
    normalise: fn(&str) -> String,
    valid: impl Fn(&String) -> bool,
    problem: impl Fn(&String) -> String,
) -> Parsed<Vec<String>> {
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty()).map(normalise);
    let items: Vec<String> = items.collect::<BTreeSet<String>>().into_iter().collect();
    let wrong = items.iter().filter(|item| !valid(item));
    let problems: Vec<String> = wrong.map(problem).collect();
    if !problems.is_empty() {
        return Ok(Err(InvalidValue { problems, fix }));
    }
    Ok(Ok((!items.is_empty()).then_some(items)))
}
