//! Explains why the API server refuses to create pods, from the condition `ReplicaFailure` of a Deployment. Pure
//! functions without I/O.
//!
//! The API server's text may quote anything that an admission webhook says, so only known causes are repeated.

/// Maximum length of the API server's text that is repeated, in characters.
const MAX_LENGTH: usize = 300;

/// Beginnings of texts that are repeated: a quota, Pod Security, a LimitRange, a missing ServiceAccount. They name
/// amounts, fields and objects, but no values of the pod's environment variables.
const KNOWN_CAUSES: [&str; 8] = [
    "exceeded quota: ",
    "failed quota: ",
    "violates PodSecurity ",
    "minimum ",
    "maximum ",
    "cpu max limit to request ratio ",
    "memory max limit to request ratio ",
    "error looking up service account ",
];

/// Returns the cause in a message such as `pods "shop-x7k" is forbidden: exceeded quota: …`, as a sentence without a
/// trailing period. Parts that differ between attempts, such as the name of the pod, are left out.
pub fn explain(message: &str) -> String {
    if let Some(rest) = message.split("admission webhook \"").nth(1) {
        let name = rest.split('"').next().unwrap_or_default();
        return format!(
            "its pods are not created: the admission webhook {} refuses them",
            bounded(name)
        );
    }
    let forbidden = message.split_once("is forbidden: ").map(|(_, cause)| cause);
    let cause = forbidden.map(|cause| cause.trim_start_matches('['));
    match cause.filter(|cause| KNOWN_CAUSES.iter().any(|known| cause.starts_with(known))) {
        Some(cause) => format!("its pods are not created: {}", bounded(cause)),
        None => "its pods are not created: the API server refuses them".to_owned(),
    }
}

fn bounded(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_pod_security_and_a_limit_range_are_named_and_a_webhook_by_its_name_only() {
        let pod = r#"pods "shop-5d9-x7k" is forbidden: "#;
        for (given, told) in [
            (
                format!("{pod}exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"),
                "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2",
            ),
            (
                format!("{pod}failed quota: q: must specify limits.cpu for: web"),
                "failed quota: q: must specify limits.cpu for: web",
            ),
            (
                format!(r#"{pod}violates PodSecurity "restricted:latest": runAsNonRoot != true"#),
                r#"violates PodSecurity "restricted:latest": runAsNonRoot != true"#,
            ),
            (
                format!("{pod}minimum cpu usage per Container is 100m, but request is 50m"),
                "minimum cpu usage per Container is 100m, but request is 50m",
            ),
            (
                r#"admission webhook "policy.example.com" denied the request: TOKEN=hunter2"#
                    .to_owned(),
                "the admission webhook policy.example.com refuses them",
            ),
            (
                "Internal error occurred: TOKEN=hunter2".to_owned(),
                "the API server refuses them",
            ),
            (format!("{pod}TOKEN=hunter2"), "the API server refuses them"),
        ] {
            assert_eq!(explain(&given), format!("its pods are not created: {told}"));
        }
        let long = format!("{pod}exceeded quota: {}", "é".repeat(5_000));
        assert!(explain(&long).chars().count() < 400);
    }
}
