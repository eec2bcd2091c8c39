//! Tests of preflight checks against various listeners. Logins and roles are tested with a fake MongoDB server, and
//! also with a real one if `MONGODB_TEST_URI` is set.

use std::io::Write;
use std::time::Duration;

use crokodial_crds::Reason;
use crokodial_operator::preflight::{self, CheckRequest, Outcome, PreflightArgs, Role};
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::stand_in_mongo::{Manner, PASSWORD, StandInMongo};

const TIMEOUT: Duration = Duration::from_secs(6);

async fn ask_for(uri: String, role: Role, timeout: Duration) -> Outcome {
    // As in `main`. It fails if another test has installed the provider already, which does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let began = Instant::now();
    let outcome = preflight::answer(&CheckRequest {
        uri: uri.clone(),
        database: "app".to_owned(),
        role,
        timeout,
    })
    .await;
    assert!(
        began.elapsed() < timeout + Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let text = outcome.to_text();
    for secret in [PASSWORD, "wrong", "server-sent"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(
        Outcome::read(&text),
        Some(outcome.clone()),
        "what is written reads back"
    );
    outcome
}

async fn ask(uri: String) -> Outcome {
    ask_for(uri, Role::ReadWrite, TIMEOUT).await
}

async fn stand_in(manner: Manner) -> StandInMongo {
    StandInMongo::listen("127.0.0.1:0", manner).await.unwrap()
}

#[tokio::test]
async fn a_login_with_the_role_is_proven_with_version_and_marks() {
    let server = stand_in(Manner::read_write("app")).await;
    let outcome = ask(server.uri(PASSWORD, "app")).await;
    assert_eq!(outcome.failure(), None, "{outcome:?}");
    assert_eq!(outcome.version(), Some("7.0.99"));
    assert_eq!(
        outcome.marks().len(),
        2,
        "name and address of a standalone server"
    );
    let writes = server.asked();
    assert!(writes.contains(&"update".to_owned()), "{writes:?}");
    assert!(!writes.contains(&"insert".to_owned()), "{writes:?}");
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_a_missing_role() {
    let server = stand_in(Manner::read_write("app")).await;
    let outcome = ask(server.uri("wrong", "app")).await;
    assert_eq!(outcome.failure(), Some(Reason::AuthFailed));
    assert!(
        outcome.seen("app").contains("looked up in database app"),
        "{}",
        outcome.seen("app")
    );
    let reader = stand_in(Manner::read("app")).await;
    let outcome = ask(reader.uri(PASSWORD, "app")).await;
    assert_eq!(outcome.failure(), Some(Reason::NotAuthorized));
    let outcome = ask_for(reader.uri(PASSWORD, "app"), Role::Read, TIMEOUT).await;
    assert_eq!(outcome.failure(), None, "a reader may read");
    let elsewhere = stand_in(Manner::read_write("other")).await;
    let outcome = ask(elsewhere.uri(PASSWORD, "app")).await;
    assert_eq!(outcome.failure(), Some(Reason::NotAuthorized));
}

/// A real server must lead to the same results as the fake MongoDB server. The test runs only if `MONGODB_TEST_URI`
/// contains a connection string whose user may create users.
#[tokio::test]
async fn a_real_server_tells_a_missing_role_like_the_stand_in() {
    let Ok(uri) = std::env::var("MONGODB_TEST_URI") else {
        let skipped = "SKIPPED a real server's roles: MONGODB_TEST_URI is not set";
        let _ = writeln!(std::io::stderr(), "{skipped}");
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = format!("preflight_test_{}", ObjectId::new().to_hex());
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    let users = client.database(&database);
    let mut answers = Vec::new();
    for role in ["read", "readWrite"] {
        let create = doc! {"createUser": role, "pwd": PASSWORD, "roles": [role]};
        users.run_command(create).await.unwrap();
        for password in [PASSWORD, "wrong"] {
            let uri = login(&uri, role, password, &database);
            let request = CheckRequest {
                uri,
                database: database.clone(),
                role: Role::ReadWrite,
                timeout: TIMEOUT,
            };
            answers.push(preflight::answer(&request).await.failure());
        }
        users.run_command(doc! {"dropUser": role}).await.unwrap();
    }
    users.drop().await.unwrap();
    let refused = Some(Reason::AuthFailed);
    let wanted = [Some(Reason::NotAuthorized), refused, None, refused];
    assert_eq!(answers, wanted);
}

/// Returns a connection string with the same servers and options as `uri`, but for another user, whose account is in
/// `database`.
fn login(uri: &str, user: &str, password: &str, database: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap();
    let (servers, options) = rest.split_once('?').unwrap_or((rest, ""));
    let servers = servers.rsplit_once('@').map_or(servers, |(_, after)| after);
    let servers = servers.split('/').next().unwrap();
    let kept = |option: &&str| !option.is_empty() && !option.starts_with("authSource=");
    let options: String = options
        .split('&')
        .filter(kept)
        .map(|o| format!("&{o}"))
        .collect();
    format!("{scheme}://{user}:{password}@{servers}/{database}?authSource={database}{options}")
}

#[tokio::test]
async fn where_no_privileges_are_listed_the_write_decides() {
    let server = stand_in(Manner::RefusesWrites(13)).await;
    let outcome = ask(server.uri(PASSWORD, "app")).await;
    assert_eq!(outcome.failure(), Some(Reason::NotAuthorized));
    assert!(
        outcome.seen("app").contains("(error 13)"),
        "{}",
        outcome.seen("app")
    );
}

#[tokio::test]
async fn a_member_that_takes_no_writes_is_no_primary() {
    let server = stand_in(Manner::Secondary).await;
    let outcome = ask(server.uri(PASSWORD, "app?replicaSet=rs0")).await;
    assert_eq!(outcome.failure(), Some(Reason::NoPrimary));
    for (server, set) in [
        (server, "other"),
        (stand_in(Manner::read_write("app")).await, "rs0"),
    ] {
        let outcome = ask(server.uri(PASSWORD, &format!("app?replicaSet={set}"))).await;
        assert_eq!(outcome.failure(), Some(Reason::BadUri), "{outcome:?}");
        let words = outcome.seen("app");
        assert!(words.contains("option replicaSet"), "{words}");
    }
}

#[tokio::test]
async fn an_option_and_a_file_that_cannot_work_are_named() {
    let server = stand_in(Manner::read_write("app")).await;
    for (uri, word) in [
        (
            server.uri(PASSWORD, "app?tls=true&tlsCAFile=/no/such"),
            "tlsCAFile",
        ),
        (
            server.uri(PASSWORD, "app?useNewUrlParser=true"),
            "useNewUrlParser",
        ),
    ] {
        let outcome = ask(uri).await;
        assert_eq!(outcome.failure(), Some(Reason::BadUri), "{outcome:?}");
        let words = outcome.seen("app");
        assert!(
            words.contains(word) && !words.contains("/no/such"),
            "{words}"
        );
    }
}

#[tokio::test]
async fn refused_silent_and_foreign_ports_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let cases = [
        (closed, Reason::ConnectionRefused),
        (stand_in(Manner::Silent).await.address, Reason::NotAnswering),
        (stand_in(Manner::HangsUp).await.address, Reason::TlsFailure),
        (
            stand_in(Manner::Http).await.address,
            Reason::UnexpectedAnswer,
        ),
    ];
    for (address, reason) in cases {
        let outcome = ask(format!("mongodb://app:wrong@{address}/app")).await;
        assert_eq!(outcome.failure(), Some(reason), "{outcome:?}");
        assert!(
            outcome.seen("app").contains(&address.to_string()),
            "{}",
            outcome.seen("app")
        );
    }
}

/// A network that drops packets is simulated by a listener with a full backlog, because the kernel drops further
/// connection attempts.
#[tokio::test]
async fn packets_that_vanish_are_a_blocked_network() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let attempt = tokio::net::TcpStream::connect(address);
        held.push(tokio::time::timeout(Duration::from_millis(300), attempt).await);
    }
    assert!(held.iter().any(Result::is_err), "the backlog is full");
    let outcome = ask(format!("mongodb://app:wrong@{address}/app")).await;
    assert_eq!(
        outcome.failure(),
        Some(Reason::NetworkBlocked),
        "{outcome:?}"
    );
    assert!(outcome.seen("app").contains("Atlas access list"));
}

#[tokio::test]
async fn an_unknown_name_has_no_address() {
    let outcome = ask("mongodb://app:wrong@no-such-host.invalid/app".to_owned()).await;
    assert_eq!(outcome.failure(), Some(Reason::DnsFailure));
    assert!(outcome.seen("app").contains("no-such-host.invalid"));
    let outcome = ask("mongodb+srv://app:wrong@no-such-host.invalid/app".to_owned()).await;
    assert_eq!(outcome.failure(), Some(Reason::DnsFailure));
}

#[tokio::test]
async fn tls_on_one_side_only_and_an_untrusted_certificate_are_tls() {
    let plain = stand_in(Manner::read_write("app")).await;
    let outcome = ask(plain.uri(PASSWORD, "app?tls=true")).await;
    assert_eq!(outcome.failure(), Some(Reason::TlsFailure), "{outcome:?}");

    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(stream).await.map(drop) });
        }
    });
    let outcome = ask(format!("mongodb://app:wrong@localhost:{port}/app?tls=true")).await;
    assert_eq!(outcome.failure(), Some(Reason::TlsFailure), "{outcome:?}");
    let outcome = ask(format!("mongodb://app:wrong@localhost:{port}/app")).await;
    assert_eq!(
        outcome.failure(),
        Some(Reason::TlsFailure),
        "the server wants TLS: {outcome:?}"
    );
}

#[tokio::test]
async fn one_server_that_answers_is_enough_and_of_several_faults_the_nearest_to_success_is_told() {
    let silent = stand_in(Manner::Silent).await.address;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let uri = format!("mongodb://app:wrong@no-such-host.invalid,{closed},{silent}/app");
    let outcome = ask(uri).await;
    assert_eq!(outcome.failure(), Some(Reason::NotAnswering), "{outcome:?}");
}

#[tokio::test]
async fn the_answer_is_a_file_of_one_line_for_any_verdict() {
    let folder = std::env::temp_dir().join(format!("preflight-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (uri_file, answer) = (folder.join("uri"), folder.join("answer"));
    std::fs::write(&uri_file, "not a connection string\n").unwrap();
    let run = PreflightArgs {
        uri_file: uri_file.clone(),
        database: "app".to_owned(),
        role: Role::ReadWrite,
        timeout: TIMEOUT,
        answer: Some(answer.clone()),
    };
    preflight::run(run.clone()).await.unwrap();
    let text = std::fs::read_to_string(&answer).unwrap();
    assert_eq!(
        Outcome::read(&text).unwrap().failure(),
        Some(Reason::BadUri)
    );
    std::fs::remove_file(&uri_file).unwrap();
    let error = preflight::run(run).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("uri"),
        "without a file there is no verdict"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
