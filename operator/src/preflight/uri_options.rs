//! Finds the option for which the MongoDB driver rejects a connection string. It is named, and its value never is.

use std::path::Path;

use mongodb::options::{ClientOptions, ConnectionString, Tls};

use super::classify::FailedCheck;
use super::uri_fault::UriFault;

/// Options that the driver knows, in lower case.
const KNOWN: &[&str] = &[
    "appname",
    "authmechanism",
    "authmechanismproperties",
    "authsource",
    "connecttimeoutms",
    "directconnection",
    "enableoverloadretargeting",
    "heartbeatfrequencyms",
    "journal",
    "loadbalanced",
    "localthresholdms",
    "maxadaptiveretries",
    "maxconnecting",
    "maxidletimems",
    "maxpoolsize",
    "maxstalenessseconds",
    "minpoolsize",
    "readconcernlevel",
    "readpreference",
    "readpreferencetags",
    "replicaset",
    "retryreads",
    "retrywrites",
    "servermonitoringmode",
    "serverselectiontimeoutms",
    "srvmaxhosts",
    "srvservicename",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlsinsecure",
    "uuidrepresentation",
    "w",
    "waitqueuetimeoutms",
    "wtimeoutms",
];

/// Returns the failed check that names the option for which the driver rejects the connection string; `None` if it
/// rejects it for another cause. Nothing is contacted, not even a DNS server.
pub async fn rejected(uri: &str) -> Option<FailedCheck> {
    let (before, options) = uri.split_once('?')?;
    let options: Vec<&str> = options.split('&').filter(|o| !o.is_empty()).collect();
    let at = |fault, option: &str| Some(FailedCheck::of_option(fault, name(option)));
    for (n, option) in options.iter().enumerate() {
        let again = |other: &&str| name(other).eq_ignore_ascii_case(name(option));
        let listed = name(option).eq_ignore_ascii_case("readPreferenceTags");
        if !listed && options.iter().take(n).any(again) {
            return at(UriFault::Repeated, option);
        }
        if let Some(fault) = alone(option).await {
            return at(fault, option);
        }
    }
    for (n, first) in options.iter().enumerate() {
        for second in options.iter().skip(n.saturating_add(1)) {
            if !accepted(&format!("{first}&{second}")).await {
                return at(UriFault::Contradiction, second);
            }
        }
    }
    let srv = before.starts_with("mongodb+srv:");
    if let Some(option) = options.iter().find(|o| is_of_other_scheme(o, srv)) {
        return at(UriFault::Scheme, option);
    }
    let hosts = before.rsplit('@').next().unwrap_or_default();
    let one_host = |o: &&&str| {
        let lower = o.to_ascii_lowercase();
        lower == "directconnection=true" || lower == "loadbalanced=true"
    };
    if hosts.contains(',')
        && let Some(option) = options.iter().find(one_host)
    {
        return at(UriFault::OneHost, option);
    }
    let mechanism = |o: &&&str| name(o).eq_ignore_ascii_case("authMechanism");
    at(UriFault::Credentials, options.iter().find(mechanism)?)
}

/// Returns a failed check if the connection string names a file of TLS that cannot be read in this pod.
///
/// # Errors
/// Returns the failed check with the name of the option.
pub async fn check_files(options: &ClientOptions) -> Result<(), FailedCheck> {
    let Some(Tls::Enabled(tls)) = &options.tls else {
        return Ok(());
    };
    for (option, path) in [
        ("tlsCAFile", &tls.ca_file_path),
        ("tlsCertificateKeyFile", &tls.cert_key_file_path),
    ] {
        if let Some(path) = path
            && !is_readable(path).await
        {
            return Err(FailedCheck::of_option(UriFault::File, option));
        }
    }
    Ok(())
}

async fn is_readable(path: &Path) -> bool {
    tokio::fs::read(path).await.is_ok()
}

fn name(option: &str) -> &str {
    option.split('=').next().unwrap_or_default()
}

/// Returns the fault that an option has by itself; `None` if the driver accepts it.
async fn alone(option: &str) -> Option<UriFault> {
    if accepted(option).await {
        return None;
    }
    let lower = name(option).to_ascii_lowercase();
    let known = KNOWN.contains(&lower.as_str());
    Some(if !known {
        UriFault::Unknown
    } else if accepted(&format!("readPreference=secondary&{option}")).await {
        UriFault::Incomplete
    } else {
        UriFault::Value
    })
}

/// Returns true if the driver accepts these options in any connection string with one host.
async fn accepted(options: &str) -> bool {
    for login in ["", "u@", "u:p@"] {
        let uri = format!("mongodb://{login}h/d?{options}");
        if ClientOptions::parse(&uri).await.is_ok() {
            return true;
        }
    }
    // The options of SRV records are only for the other scheme, for which only the syntax is checked here.
    let of_srv = |option: &str| name(option).to_ascii_lowercase().starts_with("srv");
    options.split('&').any(of_srv)
        && ConnectionString::parse(format!("mongodb+srv://u:p@h.test/d?{options}")).is_ok()
}

/// Returns true if the driver rejects the option with this scheme and accepts it with the other one. `srv` is true for
/// `mongodb+srv://`.
fn is_of_other_scheme(option: &str, srv: bool) -> bool {
    let accepts = |scheme: &str| {
        ["", "u@", "u:p@"].iter().any(|login| {
            ConnectionString::parse(format!("{scheme}://{login}h.test/d?{option}")).is_ok()
        })
    };
    let (given, other) = if srv {
        ("mongodb+srv", "mongodb")
    } else {
        ("mongodb", "mongodb+srv")
    };
    !accepts(given) && accepts(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connection strings after the user name and password, the fault of each, and the option that has it.
    const FAULTS: &[(&str, UriFault, &str)] = &[
        (
            "h/d?w=1&useNewUrlParser=true",
            UriFault::Unknown,
            "useNewUrlParser",
        ),
        ("h/d?poolSize=5", UriFault::Unknown, "poolSize"),
        (
            "h/d?sslPassword=hunter2zz",
            UriFault::Unknown,
            "sslPassword",
        ),
        (
            "h/d?compressors=snappy,zlib",
            UriFault::Unknown,
            "compressors",
        ),
        ("h/d?maxPoolSize=hunter2zz", UriFault::Value, "maxPoolSize"),
        ("h/d?maxPoolSize=0", UriFault::Value, "maxPoolSize"),
        (
            "h/d?authMechanism=hunter2zz",
            UriFault::Value,
            "authMechanism",
        ),
        ("h/d?authSource=", UriFault::Value, "authSource"),
        ("h/d?tls=true&TLS=true", UriFault::Repeated, "TLS"),
        (
            "h/d?maxStalenessSeconds=120",
            UriFault::Incomplete,
            "maxStalenessSeconds",
        ),
        (
            "h/d?tls=false&tlsCAFile=/hunter2zz",
            UriFault::Contradiction,
            "tlsCAFile",
        ),
        (
            "h/d?replicaSet=a&loadBalanced=true",
            UriFault::Contradiction,
            "loadBalanced",
        ),
        (
            "a,b/d?directConnection=true",
            UriFault::OneHost,
            "directConnection",
        ),
        (
            "a,b/d?w=1&loadBalanced=true",
            UriFault::OneHost,
            "loadBalanced",
        ),
        ("h/d?srvMaxHosts=2", UriFault::Scheme, "srvMaxHosts"),
        (
            "h/d?authMechanism=MONGODB-X509",
            UriFault::Credentials,
            "authMechanism",
        ),
    ];

    async fn fault(rest: &str) -> Option<(UriFault, Option<String>)> {
        rejected(&format!("mongodb://app:secret@{rest}"))
            .await?
            .fault
    }

    #[tokio::test]
    async fn the_fault_names_the_option_and_never_its_value() {
        for (rest, wanted, option) in FAULTS {
            let (wanted, option) = (*wanted, *option);
            let told = fault(rest).await;
            assert_eq!(told, Some((wanted, Some(option.to_owned()))), "{rest}");
            let words = wanted.seen(option, "h:27017");
            assert!(
                words.contains(option) && !words.contains("hunter2zz"),
                "{words}"
            );
            assert!(!words.ends_with('.'), "{words}");
        }
        assert_eq!(fault("h/d").await, None);
    }

    /// A name that the driver no longer knows must leave the list, or its fault would be called a wrong value.
    #[tokio::test]
    async fn the_driver_knows_every_option_of_the_list() {
        let values = [
            "1",
            "true",
            "x",
            "SCRAM-SHA-256",
            "A:b",
            "primary",
            "auto",
            "javaLegacy",
            "1000",
        ];
        for name in KNOWN {
            let mut known = false;
            for value in values {
                let option = format!("{name}={value}");
                known |= alone(&option)
                    .await
                    .is_none_or(|f| f == UriFault::Incomplete);
            }
            assert!(known, "{name}");
        }
    }
}
