//! Cause of a write that the API server refused, in words that contain no value of an object.

use kube::core::Status;
use kube::core::response::StatusCause;

use super::IoError;

/// Maximum length of a cause in characters.
const MAX_CAUSE: usize = 240;
/// Maximum number of fields that a cause names.
const MAX_FIELDS: usize = 4;

/// Words before a quota that the quota controller has not counted yet, because it is new. It does so by itself.
const UNCOUNTED_QUOTA: &str = "status unknown for quota: ";

/// Write that the API server refused because of its content, a quota, an admission rule or a missing right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRefusal {
    /// Cause of the refusal, as part of a sentence. It names quotas, policies, webhooks and fields, but quotes no value
    /// and no other text of the API server.
    pub cause: String,
    /// True if somebody must act before the write can succeed; false after a timeout or an internal error.
    pub lasting: bool,
    /// True if the write would change a field that cannot be changed once the object exists.
    pub immutable: bool,
    /// True if the API server did not respond in time, so the attempt took long.
    pub hung: bool,
}

impl IoError {
    /// Returns the cause if the API server refused this write. Returns `None` if the object has changed since it was
    /// read (409) or no longer exists (404), if this replica is not the leader, or if the API server cannot be reached or
    /// is overloaded. Then no other write would succeed either, or the next reconcile reads the newer object.
    pub fn refusal(&self) -> Option<WriteRefusal> {
        match self {
            Self::Deadline { after, .. } => Some(WriteRefusal {
                cause: format!(
                    "the API server did not answer within {:.0} s, perhaps because of an admission webhook",
                    after.as_secs_f64()
                ),
                lasting: false,
                immutable: false,
                hung: true,
            }),
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) => refusal(status),
                _ => None,
            },
            Self::NotLeading { .. } | Self::TooLarge { .. } | Self::Undecodable { .. } => None,
        }
    }
}

fn refusal(status: &Status) -> Option<WriteRefusal> {
    let lasting = match status.code {
        400 | 403 | 413 | 422 => true,
        500 | 504 => false,
        _ => return None,
    };
    let causes = status.details.as_ref().map_or(&[][..], |d| &d.causes);
    let too_large = status.message.contains("request is too large");
    let cause = rule(&status.message)
        .or_else(|| fields(causes))
        .unwrap_or_else(|| match status.code {
            413 => "the object is too large".to_owned(),
            _ if too_large => "the object is too large".to_owned(),
            code => format!("the API server answered {} ({code})", name(&status.reason)),
        });
    Some(WriteRefusal {
        cause: bounded(&cause),
        lasting: (lasting && !status.message.contains(UNCOUNTED_QUOTA)) || too_large,
        immutable: status.code == 422 && causes.iter().any(|c| c.message.contains("immutable")),
        hung: false,
    })
}

/// Returns the quota, admission rule, missing right or namespace state that the API server's message names.
fn rule(message: &str) -> Option<String> {
    let after = |words: &str| message.split_once(words).map(|(_, rest)| rest);
    for words in ["exceeded quota: ", "failed quota: ", UNCOUNTED_QUOTA] {
        if let Some(rest) = after(words) {
            return Some(format!("{words}{}", plain(rest)));
        }
    }
    if let Some(rest) = after("ValidatingAdmissionPolicy '") {
        return Some(format!(
            "ValidatingAdmissionPolicy {} denied it",
            quoted(rest, '\'')
        ));
    }
    if let Some(rest) = after("admission webhook \"") {
        let constraint = after("denied the request: [").map(|rest| quoted(rest, ']'));
        let constraint = constraint.map_or_else(String::new, |c| format!(" ({c})"));
        return Some(format!(
            "admission webhook {} denied it{constraint}",
            quoted(rest, '"')
        ));
    }
    if let Some(rest) = after("failed calling webhook \"") {
        return Some(format!(
            "admission webhook {} could not be called",
            quoted(rest, '"')
        ));
    }
    if let Some(rest) = after("violates PodSecurity \"") {
        return Some(format!("it violates PodSecurity {}", quoted(rest, '"')));
    }
    if message.contains("is being terminated") {
        return Some("the namespace is being deleted".to_owned());
    }
    let (verb, rest) = after(" cannot ")?.split_once(" resource \"")?;
    Some(format!(
        "the operator has no right to {} {} in this namespace",
        name(verb),
        quoted(rest, '"')
    ))
}

/// Returns the invalid fields with the kind of each problem; `None` if none is named.
fn fields(causes: &[StatusCause]) -> Option<String> {
    let one = |cause: &StatusCause| {
        let problem = match cause.reason.as_str() {
            "FieldValueRequired" => "is required",
            "FieldValueDuplicate" => "is a duplicate",
            "FieldValueTooLong" => "is too long",
            "FieldValueForbidden" => "is forbidden",
            "FieldValueNotSupported" => "has an unsupported value",
            _ if cause.message.contains("immutable") => "cannot be changed",
            _ => "is invalid",
        };
        format!("{} {problem}", plain(&cause.field))
    };
    let named = causes.iter().filter(|c| !c.field.is_empty());
    let named: Vec<String> = named.take(MAX_FIELDS).map(one).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Returns the text before `end`, as far as it is a name; see [`name`].
fn quoted(text: &str, end: char) -> String {
    name(text.split(end).next().unwrap_or_default())
}

/// Returns the start of the text that consists of characters of names.
fn name(text: &str) -> String {
    let of_name = |c: &char| c.is_ascii_alphanumeric() || "-._:/".contains(*c);
    text.chars().take_while(of_name).take(100).collect()
}

/// Returns the start of the text that consists of characters of names, quantities, lists and field paths.
fn plain(text: &str) -> String {
    let harmless = |c: &char| c.is_ascii_alphanumeric() || "-._:/ ,;=[]()".contains(*c);
    let start: String = text.chars().take_while(harmless).collect();
    bounded(start.trim_end())
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= MAX_CAUSE {
        return text.to_owned();
    }
    text.chars().take(MAX_CAUSE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(code: u16, message: &str) -> String {
        of(&json!({"code": code, "reason": "Forbidden", "message": message}))
            .map_or_else(|| "-".to_owned(), |r| r.cause)
    }

    fn of(status: &serde_json::Value) -> Option<WriteRefusal> {
        refusal(&serde_json::from_value(status.clone()).unwrap())
    }

    #[test]
    fn the_rule_that_refused_is_named_and_nothing_else_is_quoted() {
        let rows = [
            (
                403,
                "ingresses.networking.k8s.io \"prod\" is forbidden: exceeded quota: stop, requested: count/ingresses.networking.k8s.io=1, used: count/ingresses.networking.k8s.io=0, limited: count/ingresses.networking.k8s.io=0",
                "exceeded quota: stop, requested: count/ingresses.networking.k8s.io=1, used: count/ingresses.networking.k8s.io=0, limited: count/ingresses.networking.k8s.io=0",
            ),
            (
                403,
                "pods \"p\" is forbidden: failed quota: q: must specify limits.cpu for: web",
                "failed quota: q: must specify limits.cpu for: web",
            ),
            (
                403,
                "ingresses.networking.k8s.io \"prod\" is forbidden: status unknown for quota: stop, resources: count/ingresses.networking.k8s.io",
                "status unknown for quota: stop, resources: count/ingresses.networking.k8s.io",
            ),
            (
                422,
                "ingresses.networking.k8s.io \"prod\" is forbidden: ValidatingAdmissionPolicy 'no-edge' with binding 'all' denied request: secret hunter2 is bad",
                "ValidatingAdmissionPolicy no-edge denied it",
            ),
            (
                400,
                "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: host \"hunter2\" is taken",
                "admission webhook validate.nginx.ingress.kubernetes.io denied it",
            ),
            (
                403,
                "admission webhook \"validation.gatekeeper.sh\" denied the request: [all-must-have-owner] you must provide labels: hunter2",
                "admission webhook validation.gatekeeper.sh denied it (all-must-have-owner)",
            ),
            (
                500,
                "Internal error occurred: failed calling webhook \"w.example.com\": failed to call webhook: Post \"https://hunter2\": context deadline exceeded",
                "admission webhook w.example.com could not be called",
            ),
            (
                403,
                "secrets is forbidden: User \"system:serviceaccount:o:op\" cannot create resource \"secrets\" in API group \"\" in the namespace \"shop\"",
                "the operator has no right to create secrets in this namespace",
            ),
            (
                403,
                "secrets \"x\" is forbidden: unable to create new content in namespace shop because it is being terminated",
                "the namespace is being deleted",
            ),
            (
                413,
                "Request entity too large: limit is 3145728",
                "the object is too large",
            ),
            (403, "hunter2", "the API server answered Forbidden (403)"),
            (409, "hunter2", "-"),
            (404, "hunter2", "-"),
            (429, "hunter2", "-"),
            (503, "hunter2", "-"),
        ];
        for (code, message, wanted) in rows {
            assert_eq!(said(code, message), wanted, "{message}");
        }
    }

    #[test]
    fn invalid_fields_are_named_without_their_values() {
        let cause = |field: &str, reason: &str, message: &str| json!({"field": field, "reason": reason, "message": message});
        let invalid = |causes: Vec<serde_json::Value>| {
            of(&json!({"code": 422, "reason": "Invalid", "message": "hunter2", "details": {"causes": causes}})).unwrap()
        };
        let two = invalid(vec![
            cause(
                "spec.ports[1].name",
                "FieldValueDuplicate",
                "Duplicate value: \"hunter2\"",
            ),
            cause("data[a \"hunter2\"]", "FieldValueTooLong", "hunter2"),
        ]);
        assert_eq!(
            two.cause,
            "spec.ports[1].name is a duplicate, data[a is too long"
        );
        assert!(two.lasting && !two.immutable);
        let fixed = invalid(vec![cause(
            "data",
            "FieldValueForbidden",
            "field is immutable when `immutable` is set",
        )]);
        assert!(fixed.immutable);
        let many = invalid(vec![cause(&"x".repeat(500), "", ""); 9]);
        assert_eq!(many.cause.chars().count(), MAX_CAUSE);
    }

    #[test]
    fn a_quota_that_is_not_counted_yet_ends_by_itself() {
        let refused = |message: &str| of(&json!({"code": 403, "message": message})).unwrap();
        assert!(!refused("status unknown for quota: stop, resources: pods").lasting);
        assert!(refused("exceeded quota: stop, requested: pods=1").lasting);
    }

    #[test]
    fn a_timeout_ends_by_itself() {
        let hung = IoError::Deadline {
            verb: "apply",
            kind: "Ingress".to_owned(),
            name: "prod".to_owned(),
            after: std::time::Duration::from_secs(10),
        };
        let refusal = hung.refusal().unwrap();
        assert!(refusal.hung && !refusal.lasting);
        let broken = of(&json!({"code": 500, "reason": "InternalError"})).unwrap();
        assert!(!broken.lasting && !broken.hung);
    }
}
