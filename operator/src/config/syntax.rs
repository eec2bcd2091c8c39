//! Syntax checks for the values of command-line flags.

/// Returns true if `name` is an RFC 1123 label: at most 63 lower-case letters, digits and hyphens, with no hyphen at
/// either end. Namespace names have this syntax.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Returns true if `name` is an RFC 1123 subdomain: dot-separated labels, at most 253 characters in total. Names of
/// ingress classes have this syntax.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

/// Returns true if `text` is `host` or `host:port`, with a port from 1 to 65535.
pub fn is_host_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) => {
            is_dns_subdomain(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => is_dns_subdomain(text),
    }
}
