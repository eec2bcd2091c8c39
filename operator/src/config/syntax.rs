//! Syntax checks for flag values.

/// True for an RFC 1123 label: at most 63 lower-case letters, digits and hyphens, as in the name of a namespace.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// True for an RFC 1123 subdomain: labels separated by dots, at most 253 characters, as in the name of an ingress
/// class.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

/// True for `host` or `host:port` with a port above 0.
pub fn is_host_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) => {
            is_dns_subdomain(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => is_dns_subdomain(text),
    }
}
