//! Tests of command-line parsing and of configuration defaults and errors.

use clap::{CommandFactory, Parser};

use super::syntax::is_dns_label;
use super::*;

fn args(list: &[&str]) -> RunArgs {
    let typed = std::iter::once("crokodial-operator").chain(list.iter().copied());
    Cli::try_parse_from(typed).unwrap().run
}

const REQUIRED: [&str; 2] = [
    "--watch-namespaces=staging,prod",
    "--operator-namespace=crokodial-system",
];

fn config(list: &[&str]) -> Result<Config, ConfigErrors> {
    Config::from_args(&args(&[&REQUIRED[..], list].concat()))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let mut config = config(&[]).unwrap();
    // The default is the name of this machine, which the test does not know.
    assert!(!std::mem::take(&mut config.pod_name).is_empty());
    assert_eq!(
        config,
        Config {
            watch_namespaces: vec!["prod".into(), "staging".into()],
            operator_namespace: "crokodial-system".into(),
            tenants: Tenants::default(),
            ingress_class: None,
            tls_mode: TlsMode::SelfSigned,
            plain_http_registries: vec![],
            allow_ingress_class_read: false,
            pod_name: String::new(),
            lease: Timing { seconds: 5 },
            preflight_image: None,
            preflight_pull_secret: None,
            concurrency: NonZeroU16::new(8).unwrap(),
            listen: "0.0.0.0:8080".parse().unwrap(),
            log_format: LogFormat::Text,
            log_level: "info".into(),
        }
    );
}

#[test]
fn every_flag_is_honoured() {
    let config = config(&[
        "--ingress-class=traefik",
        "--tls-mode=None",
        "--plain-http-registries=B.example:5000, a.example,A.example",
        "--allow-ingress-class-read",
        "--pod-name=operator-1",
        "--lease-duration=15s",
        "--concurrency=3",
        "--listen=[::1]:9000",
        "--log-format=json",
        "--log-level=info,kube=warn",
    ])
    .unwrap();
    assert_eq!(config.ingress_class.as_deref(), Some("traefik"));
    assert_eq!(config.pod_name, "operator-1");
    assert_eq!(config.lease, Timing { seconds: 15 });
    assert_eq!(config.tls_mode, TlsMode::None);
    assert_eq!(
        config.plain_http_registries,
        ["a.example", "b.example:5000"]
    );
    assert!(config.allow_ingress_class_read);
    assert_eq!(config.concurrency.get(), 3);
    assert_eq!(config.listen, "[::1]:9000".parse().unwrap());
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.log_level, "info,kube=warn");
}

#[test]
fn run_may_be_written_out_and_its_flags_are_the_same() {
    let cli = Cli::try_parse_from(["crokodial-operator", "run", REQUIRED[0], REQUIRED[1]]).unwrap();
    let Some(Command::Run(run)) = cli.command else {
        panic!("not run: {cli:?}");
    };
    assert_eq!(Config::from_args(&run).unwrap(), config(&[]).unwrap());
}

#[test]
fn empty_values_count_as_absent_because_charts_render_them() {
    let config = config(&[
        "--ingress-class=",
        "--tls-mode=",
        "--concurrency=",
        "--plain-http-registries=,",
        "--log-level=",
    ])
    .unwrap();
    assert_eq!(config.ingress_class, None);
    assert!(config.plain_http_registries.is_empty());
    assert_eq!(config.log_level, "info");
}

#[test]
fn all_mistakes_are_named_at_once_with_flag_variable_and_fix() {
    let errors = Config::from_args(&args(&[
        "--watch-namespaces=ok,Not_Ok",
        "--ingress-class=Bad Class",
        "--tls-mode=selfsigned",
        "--plain-http-registries=http://registry.example,registry.example:0",
        "--allow-ingress-class-read=yes",
        "--concurrency=0",
        "--listen=8080",
        "--log-format=xml",
        "--log-level=info,=,",
    ]))
    .unwrap_err();
    let text = errors.to_string();
    for (flag, env) in [
        ("--watch-namespaces", "CROKODIAL_WATCH_NAMESPACES"),
        ("--operator-namespace", "POD_NAMESPACE"),
        ("--ingress-class", "CROKODIAL_INGRESS_CLASS"),
        ("--tls-mode", "CROKODIAL_TLS_MODE"),
        ("--plain-http-registries", "CROKODIAL_PLAIN_HTTP_REGISTRIES"),
        (
            "--allow-ingress-class-read",
            "CROKODIAL_READ_INGRESS_CLASSES",
        ),
        ("--concurrency", "CROKODIAL_CONCURRENCY"),
        ("--listen", "CROKODIAL_LISTEN"),
        ("--log-format", "CROKODIAL_LOG_FORMAT"),
        ("--log-level", "CROKODIAL_LOG_LEVEL"),
    ] {
        assert!(
            text.contains(&format!("{flag} (or {env}): ")),
            "{flag} is missing in {text}"
        );
    }
    assert!(errors.0.iter().all(|error| !error.fix.is_empty()));
    assert_eq!(errors.0.len(), 11, "{text}");
}

#[test]
fn tenants_are_groups_of_watched_namespaces() {
    let config_of = |json: &str| config(&[&format!("--tenants={json}")]);
    let good = config_of(r#"[{"name": "a", "namespaces": ["prod"], "domains": ["*.a.test"]}]"#);
    let tenants = good.unwrap().tenants;
    assert!(!tenants.same("prod", "staging"));
    assert!(tenants.hosts("prod").allows("x.a.test"));
    assert_eq!(config_of("").unwrap().tenants, Tenants::default());
    for (json, told) in [
        ("prod", "it is no list of tenants in JSON"),
        (
            r#"[{"name": "a", "namespaces": ["elsewhere"]}]"#,
            "namespace elsewhere of tenant a is not watched",
        ),
        (
            r#"[{"name": "a", "namespaces": ["prod"]}, {"name": "b", "namespaces": ["prod"]}]"#,
            "namespace prod is in tenant a and in tenant b",
        ),
    ] {
        let text = config_of(json).unwrap_err().to_string();
        assert!(
            text.contains("--tenants (or CROKODIAL_TENANTS): "),
            "{text}"
        );
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn a_log_level_that_is_not_ascii_is_refused() {
    // The library would panic on the first two values.
    for wrong in ["info, \u{fffd}[[", " \u{e9}=debug", "d\u{e9}bug"] {
        let level = format!("--log-level={wrong}");
        let errors = config(&[&level]).unwrap_err();
        assert!(errors.to_string().contains("not ASCII"), "{errors}");
    }
}

#[test]
fn help_shows_examples_and_every_variable() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.contains("Examples:"), "{help}");
    for env in [
        "CROKODIAL_WATCH_NAMESPACES",
        "POD_NAMESPACE",
        "CROKODIAL_LISTEN",
        "CROKODIAL_LOG_LEVEL",
    ] {
        assert!(help.contains(env), "{env} is missing in {help}");
    }
}

#[test]
fn namespace_names_follow_rfc_1123() {
    let long = "a".repeat(64);
    for (name, good) in [
        ("a", true),
        ("a-1", true),
        ("0a", true),
        ("-a", false),
        ("a-", false),
        ("A", false),
        ("a.b", false),
        ("", false),
        (long.as_str(), false),
    ] {
        assert_eq!(is_dns_label(name), good, "{name}");
    }
}
