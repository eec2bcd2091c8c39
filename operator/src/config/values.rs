//! Parsers of flag values, for clap.
//!
//! A parser never fails. It returns the mistakes of a value as part of its result, so that
//! [`Config::from_args`](super::Config::from_args) can report the mistakes of all flags at once.

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

/// A parsed value, or its mistakes. `Ok(None)` is an empty value, which counts as not given, because the chart renders
/// unset values as empty.
pub type Given<T> = Result<Option<T>, InvalidValue>;

/// Return type of the parsers as clap requires it. The error is never used; see the module's documentation.
type Parsed<T> = Result<Given<T>, Infallible>;

/// The mistakes in the value of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// What is wrong; at least one entry.
    pub problems: Vec<String>,
    /// What to write instead, as an imperative.
    pub fix: &'static str,
}

/// What to write for the flag that [`namespaces`] parses.
pub const NAMESPACES_FIX: &str =
    "give namespaces separated by commas, e.g. crokodial-staging,crokodial-prod";

/// What to write for the flag that [`operator_namespace`] parses.
pub const OPERATOR_NAMESPACE_FIX: &str =
    "give the namespace the operator runs in, e.g. crokodial-system";

/// Parses names of namespaces; the result is sorted and without repeats.
pub fn namespaces(text: &str) -> Parsed<Vec<String>> {
    let valid = |name: &String| is_dns_label(name);
    let problem = |name: &String| format!("{name:?} is not a namespace name");
    list(text, NAMESPACES_FIX, str::to_owned, valid, problem)
}

/// Parses the name of a namespace.
pub fn operator_namespace(text: &str) -> Parsed<String> {
    named(text, OPERATOR_NAMESPACE_FIX, "namespace name", is_dns_label)
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

/// Parses registries, as `host` or `host:port`; the result is in lower case.
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

/// Parses the name of a pod.
pub fn pod_name(text: &str) -> Parsed<String> {
    let fix = "give the pod's name, or leave it out for the host's";
    named(text, fix, "name of a pod", is_dns_subdomain)
}

/// Parses a lease duration in whole seconds from `2s` to `60s`.
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

/// Parses an image reference.
pub fn image(text: &str) -> Parsed<String> {
    let fix = "give the operator's own image, registry/name:tag or registry/name@sha256:<digest>";
    let valid = |text: &str| text.parse::<ImageRef>().is_ok();
    one(text, fix, |text| {
        let problem = || format!("{text:?} is not an image");
        valid(text).then(|| text.to_owned()).ok_or_else(problem)
    })
}

/// Parses the name of a Secret.
pub fn pull_secret(text: &str) -> Parsed<String> {
    let fix = "give the name of a Secret of type kubernetes.io/dockerconfigjson that each watched namespace has";
    named(text, fix, "name of a Secret", is_dns_subdomain)
}

/// Parses the number of concurrent reconciles: 1 to 1000.
pub fn concurrency(text: &str) -> Parsed<NonZeroU16> {
    one(text, "give a whole number, or leave it out for 8", |text| {
        let number = text.parse::<NonZeroU16>().ok();
        number
            .filter(|number| number.get() <= 1000)
            .ok_or_else(|| format!("{text:?} is not a number from 1 to 1000"))
    })
}

/// Parses an IP address with a port.
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

/// Parses a log filter in the syntax of tracing's `EnvFilter`.
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

/// Parses a single value with `parse`; an empty text is `Ok(None)`.
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

/// Parses a name that `valid` accepts. `what` is its kind, for the message.
fn named(text: &str, fix: &'static str, what: &str, valid: fn(&str) -> bool) -> Parsed<String> {
    one(text, fix, |text| {
        let problem = || format!("{text:?} is not a {what}");
        valid(text).then(|| text.to_owned()).ok_or_else(problem)
    })
}

/// Parses values separated by commas. They are sorted and deduplicated as written, then normalised and checked.
fn list(
    text: &str,
    fix: &'static str,
    normalise: fn(&str) -> String,
    valid: impl Fn(&String) -> bool,
    problem: impl Fn(&String) -> String,
) -> Parsed<Vec<String>> {
    let items = text.split(',').map(str::trim);
    let mut items: Vec<&str> = items.filter(|item| !item.is_empty()).collect();
    items.sort_unstable();
    items.dedup();
    let items: Vec<String> = items.into_iter().map(normalise).collect();
    let wrong = items.iter().filter(|item| !valid(item));
    let problems: Vec<String> = wrong.map(problem).collect();
    if !problems.is_empty() {
        return Ok(Err(InvalidValue { problems, fix }));
    }
    Ok(Ok((!items.is_empty()).then_some(items)))
}
