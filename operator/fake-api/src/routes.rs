//! Parsing of HTTP requests into API requests.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::store::Store;

/// Verb of an API request, with the names of Kubernetes RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// Type of a PATCH request, determined by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    Merge,
    Json,
    Apply,
    /// Strategic merge patch. The fake server merges it with the list types of server-side apply, and does not support
    /// patch directives.
    Strategic,
}

/// Parsed API request.
#[derive(Debug, Clone)]
pub struct Route {
    pub verb: Verb,
    pub resource: ResourceType,
    /// Namespace of the request; empty for all namespaces and for cluster-scoped types.
    pub namespace: String,
    /// Name of the object; empty for requests on collections.
    pub name: String,
    /// Subresource of the request: empty or `status`.
    pub subresource: String,
    pub query: BTreeMap<String, String>,
    pub patch: Option<PatchKind>,
    /// True if the client requested only metadata (`PartialObjectMetadata`).
    pub metadata_only: bool,
    pub body: Value,
}

impl Route {
    pub fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Returns the field manager of a write, or `unknown` if the request names none. A real API server would use the
    /// User-Agent instead, which kube-rs does not send to the fake server.
    pub fn manager(&self) -> &str {
        match self.param("fieldManager") {
            "" => "unknown",
            given => given,
        }
    }

    pub fn dry_run(&self) -> bool {
        self.param("dryRun") == "All"
    }

    pub fn on_status(&self) -> bool {
        self.subresource == "status"
    }
}

/// Reason why a request could not be parsed.
#[derive(Debug)]
pub enum NoRoute {
    /// The server does not serve this path. Either the test contains a mistake, or it has removed the type.
    UnknownPath,
    Refused(ApiError),
}

/// Components of a request path.
struct Target<'a> {
    group: &'a str,
    namespace: &'a str,
    plural: &'a str,
    name: &'a str,
    subresource: &'a str,
}

fn target(path: &str) -> Option<Target<'_>> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        // `/namespaces/x` and `/namespaces/x/status` name the Namespace `x` itself, not objects in the namespace.
        ["namespaces", ns, rest @ ..] if !rest.is_empty() && rest[0] != "status" => (*ns, rest),
        _ => ("", rest),
    };
    let at = |i: usize| rest.get(i).copied().unwrap_or_default();
    (!rest.is_empty() && rest.len() <= 3).then(|| Target {
        group,
        namespace,
        plural: at(0),
        name: at(1),
        subresource: at(2),
    })
}

/// Parses an HTTP request into an API request for one of the served types.
pub fn parse(store: &Store, parts: &http::request::Parts, body: &[u8]) -> Result<Route, NoRoute> {
    let target = target(parts.uri.path()).ok_or(NoRoute::UnknownPath)?;
    let resource = store
        .type_of(target.group, target.plural)
        .filter(|t| t.namespaced || target.namespace.is_empty())
        .ok_or(NoRoute::UnknownPath)?
        .clone();
    let status_of_none = target.subresource == "status" && !resource.has_status;
    if status_of_none || !matches!(target.subresource, "" | "status") {
        return Err(NoRoute::UnknownPath);
    }
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let header = |name: http::header::HeaderName| {
        let value = parts.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let patch = patch_kind(&header(http::header::CONTENT_TYPE));
    let verb = verb(&parts.method, &target, &query)?;
    Ok(Route {
        verb,
        namespace: target.namespace.into(),
        name: target.name.into(),
        subresource: target.subresource.into(),
        resource,
        query,
        patch,
        metadata_only: header(http::header::ACCEPT).contains("as=PartialObjectMetadata"),
        body: decode(body).map_err(NoRoute::Refused)?,
    })
}

fn verb(
    method: &Method,
    target: &Target<'_>,
    query: &BTreeMap<String, String>,
) -> Result<Verb, NoRoute> {
    let watch = matches!(query.get("watch").map(String::as_str), Some("true" | "1"));
    match (method.as_str(), target.name.is_empty()) {
        ("GET", true) if watch => Ok(Verb::Watch),
        ("GET", true) => Ok(Verb::List),
        ("GET", false) => Ok(Verb::Get),
        ("POST", true) => Ok(Verb::Create),
        ("PUT", false) => Ok(Verb::Update),
        ("PATCH", false) => Ok(Verb::Patch),
        ("DELETE", false) => Ok(Verb::Delete),
        ("DELETE", true) => Ok(Verb::DeleteCollection),
        _ => Err(NoRoute::Refused(ApiError::new(
            405,
            "MethodNotAllowed",
            format!("{method} is not allowed here"),
        ))),
    }
}

fn patch_kind(content_type: &str) -> Option<PatchKind> {
    match content_type.split(';').next().unwrap_or_default() {
        "application/merge-patch+json" => Some(PatchKind::Merge),
        "application/json-patch+json" => Some(PatchKind::Json),
        "application/apply-patch+yaml" => Some(PatchKind::Apply),
        "application/strategic-merge-patch+json" => Some(PatchKind::Strategic),
        _ => None,
    }
}

/// Decodes a body as JSON or, if that fails, as YAML, because an apply patch may be in either format. An empty body
/// results in null.
fn decode(body: &[u8]) -> ApiResult<Value> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).or_else(|json_error| {
        let text = std::str::from_utf8(body).map_err(|e| ApiError::bad_request(e.to_string()))?;
        serde_saphyr::from_str(text).map_err(|yaml_error| {
            ApiError::bad_request(format!(
                "neither JSON ({json_error}) nor YAML ({yaml_error})"
            ))
        })
    })
}
