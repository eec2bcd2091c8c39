//! CORS rules: the origins whose pages may call the API.

/// Origins of the product, which are always allowed. The origins of the development servers and `CLIENT_URL` are
/// allowed in addition.
const PRODUCT_ORIGINS: [&str; 2] = ["https://crokodial.com", "https://www.crokodial.com"];

/// Value of `Access-Control-Allow-Methods` in preflight responses.
pub const METHODS: &str = "GET,HEAD,PUT,PATCH,POST,DELETE";

/// Allowed origins. An origin must be equal to one of them, because a substring could also match an attacker's domain.
#[derive(Debug, Clone)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Returns the origins that a server on `port` allows. `client` is an additional origin, without a path.
    pub fn new(port: u16, client: Option<&str>) -> Self {
        let mut origins: Vec<String> = PRODUCT_ORIGINS.map(str::to_owned).into();
        for host in ["localhost", "127.0.0.1"] {
            origins.push(format!("http://{host}:5173"));
            origins.push(format!("http://{host}:{port}"));
        }
        origins.extend(client.map(str::to_owned));
        Self(origins)
    }

    pub fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }
}

/// Returns true if `origin`, in the form that browsers send, has the same host and port as `host`, the value of the
/// `Host` header.
pub fn same_host(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    authority.is_some_and(|own| !own.is_empty() && own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_of_this_very_host_and_port() {
        for (origin, host, same) in [
            ("https://dialer.example.com", "Dialer.example.com", true),
            ("http://10.0.0.5:3005", "10.0.0.5:3005", true),
            ("http://10.0.0.5:3006", "10.0.0.5:3005", false),
            (
                "https://dialer.example.com.evil.example",
                "dialer.example.com",
                false,
            ),
            (
                "https://evil.example/dialer.example.com",
                "dialer.example.com",
                false,
            ),
            ("null", "dialer.example.com", false),
            ("file://", "", false),
            ("https://", "", false),
            ("", "", false),
        ] {
            assert_eq!(same_host(origin, host), same, "{origin} at {host}");
        }
    }

    #[test]
    fn exact_origins_only() {
        let origins = Origins::new(3005, Some("https://dialer.example.com"));
        for yes in [
            "https://crokodial.com",
            "https://www.crokodial.com",
            "http://localhost:5173",
            "http://127.0.0.1:3005",
            "https://dialer.example.com",
        ] {
            assert!(origins.allow(yes), "{yes}");
        }
        for no in [
            "https://crokodial.com.evil.example",
            "http://crokodial.com",
            "https://crokodial.com:8443",
            "null",
            "file://",
            "",
            "http://localhost:3006",
        ] {
            assert!(!origins.allow(no), "{no}");
        }
    }

    /// Origins that a server on port 3005 allows without configuration.
    const BUILT_IN: [&str; 6] = [
        "https://crokodial.com",
        "https://www.crokodial.com",
        "http://localhost:5173",
        "http://localhost:3005",
        "http://127.0.0.1:5173",
        "http://127.0.0.1:3005",
    ];

    fn check(origin: &str, host: &str) {
        let built_in = BUILT_IN.contains(&origin);
        assert_eq!(Origins::new(3005, None).allow(origin), built_in);
        let own = Origins::new(3005, Some(host));
        assert!(own.allow(host));
        assert_eq!(own.allow(origin), built_in || origin == host);
        let same = ["http://", "https://"].iter().any(|scheme| {
            let rest = origin.strip_prefix(scheme);
            rest.is_some_and(|rest| !rest.is_empty() && rest.eq_ignore_ascii_case(host))
        });
        assert_eq!(same_host(origin, host), same, "{origin} at {host}");
    }

    #[test]
    fn odd_origins() {
        for (origin, host) in [
            ("https://", ""),
            ("https://crokodial.com.evil.example", "crokodial.com"),
            ("file://", ""),
            ("null", ""),
            ("https://crokodial.com", "crokodial.com"),
            ("http://10.0.0.5:3005", "10.0.0.5:3005"),
            ("HTTPS://Dialer.example.com", "dialer.example.com"),
        ] {
            check(origin, host);
        }
    }

    proptest! {
        #[test]
        fn an_origin_is_compared_whole(
            scheme in "(https?://|HTTP://|file://|)", host in "(crokodial[.]com|localhost:(5173|3005)|\\PC{0,20})",
            more in "([.]evil[.]example|/|)"
        ) {
            check(&format!("{scheme}{host}{more}"), &host);
            check(&host, &format!("{scheme}{host}"));
        }
    }
}
