//! Tests of the resolver over HTTPS: to which hosts it sends credentials, and which certificates it accepts.

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::tls::Ca;

/// Starts a [`Server`] over TLS, with a certificate for `localhost` that `ca` issued.
async fn start(ca: &Ca, answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Server {
    let leaf = ca
        .issue(&"localhost".parse().unwrap(), jiff::Timestamp::now())
        .unwrap();
    let chain = CertificateDer::pem_slice_iter(leaf.cert_chain.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        answer: Arc::new(answer),
    };
    let router = server.router();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    server
}

fn registry(server: &Server) -> String {
    format!("localhost:{}", server.address.port())
}

fn image(server: &Server) -> ImageRef {
    format!("{}/team/app:1", registry(server)).parse().unwrap()
}

fn resolver(ca: &Ca) -> Resolver {
    let trust = Trust::only(ca.cert_pem()).unwrap();
    let client = HttpClient::new(Guard::for_tests_allowing_loopback(), trust);
    Resolver::new(client, Vec::new(), Metrics::new())
}

/// Like [`resolver`], but contacts the registry at `plain` over plain HTTP.
fn resolver_with_plain(ca: &Ca, plain: SocketAddr) -> Resolver {
    let trust = Trust::only(ca.cert_pem()).unwrap();
    let client = HttpClient::new(Guard::for_tests_allowing_loopback(), trust);
    Resolver::new(client, vec![plain.to_string()], Metrics::new())
}

fn ca() -> Ca {
    Ca::generate(jiff::Timestamp::now()).unwrap()
}

const ALICE: &str = "Basic YWxpY2U6czNjcmV0";

#[tokio::test]
async fn basic_and_bearer_take_the_matching_credential() {
    let ca = ca();
    let basic = start(&ca, |seen| match seen.header("authorization") {
        ALICE => found(Some(digest().as_str())),
        _ => challenge("Basic realm=\"r\""),
    })
    .await;
    let bearer = start(&ca, |seen| {
        match (
            seen.path.starts_with("/token"),
            seen.header("authorization"),
        ) {
            (true, ALICE) => Response::new(Body::from(r#"{"token":"t0k"}"#)),
            (true, _) => status(401),
            (false, "Bearer t0k") => found(Some(digest().as_str())),
            (false, _) => challenge(&format!(
                r#"Bearer realm="https://{}/token""#,
                seen.header("host")
            )),
        }
    })
    .await;
    for server in [&basic, &bearer] {
        let good = auth(&registry(server), "alice", "s3cret");
        let bad = auth(&format!("{}/team", registry(server)), "mallory", "wrong");
        let other = auth("other.example", "alice", "s3cret");
        let resolver = resolver(&ca);
        // The registry refuses the more specific credential, so the other one is tried.
        let both = resolver
            .resolve("shop", &image(server), &[good, bad.clone()])
            .await;
        assert_eq!(both.unwrap().digest, digest());
        for (auth, expected) in [
            (vec![bad], Refusal::CredentialsRefused),
            (vec![other], Refusal::NoCredentials),
            (vec![], Refusal::NoCredentials),
        ] {
            let error = resolver
                .resolve("shop", &image(server), &auth)
                .await
                .unwrap_err();
            let registry = registry(server);
            assert_eq!(
                error,
                ResolveError::RegistryUnauthorized {
                    registry,
                    cause: expected
                }
            );
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}

#[tokio::test]
async fn an_https_registry_may_not_name_a_plain_realm() {
    let thief = Server::start(|_| Response::new(Body::from(r#"{"token":"t0k"}"#))).await;
    let (ca, realm) = (ca(), thief.address);
    let server = start(&ca, move |_| {
        challenge(&format!(r#"Bearer realm="http://{realm}/token""#))
    })
    .await;
    let auth = [auth(&registry(&server), "alice", "s3cret")];
    let error = resolver(&ca)
        .resolve("shop", &image(&server), &auth)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ResolveError::RegistryUnreachable {
                cause: UnusableResponse::Challenge,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_sign_in_elsewhere() {
    let ca = ca();
    let mirror = start(&ca, |_| found(Some(digest().as_str()))).await;
    let target = format!("https://{}/blob", registry(&mirror));
    let server = start(&ca, move |seen| match seen.header(AUTHORIZATION.as_str()) {
        ALICE => redirect(&target),
        _ => challenge("Basic realm=\"r\""),
    })
    .await;
    let auth = [auth(&registry(&server), "alice", "s3cret")];
    assert_eq!(
        resolver(&ca)
            .resolve("shop", &image(&server), &auth)
            .await
            .unwrap()
            .digest,
        digest()
    );
    let seen = mirror.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), "");
}

/// Starts a server that hands out a token to everybody and records who asks for one. Otherwise it requires that token
/// from itself.
async fn thief(ca: &Ca) -> Server {
    start(ca, |seen| {
        if seen.path.starts_with("/token") {
            return Response::new(Body::from(r#"{"token":"t0k"}"#));
        }
        challenge(&format!(
            r#"Bearer realm="https://{}/token""#,
            seen.header("host")
        ))
    })
    .await
}

#[tokio::test]
async fn a_host_that_the_registry_redirects_to_gets_no_sign_in() {
    let ca = ca();
    let thief = thief(&ca).await;
    for first in ["signed in", "at once"] {
        let target = format!("https://{}/v2/team/app/manifests/1", registry(&thief));
        let server = start(&ca, move |seen| match seen.header(AUTHORIZATION.as_str()) {
            "" if first == "signed in" => challenge("Basic realm=\"r\""),
            _ => redirect(&target),
        })
        .await;
        let auth = [auth(&registry(&server), "alice", "s3cret")];
        let outcome = resolver(&ca).resolve("shop", &image(&server), &auth).await;
        let cause = trouble(outcome.map(|found| found.digest));
        assert_eq!(cause, UnusableResponse::RedirectedSignIn, "{first}");
        let existence = resolver(&ca)
            .exists("shop", &image(&server), &digest(), &auth)
            .await;
        assert_eq!(existence, Existence::Unknown, "{first}");
    }
    let seen = thief.seen();
    assert_eq!(seen.len(), 4);
    for request in seen {
        assert!(!request.path.starts_with("/token"), "{request:?}");
        assert_eq!(request.header("authorization"), "", "{request:?}");
    }
}

#[tokio::test]
async fn a_plain_http_registry_may_not_name_who_gets_the_pull_secret() {
    let ca = ca();
    let thief = thief(&ca).await;
    let realm = registry(&thief);
    let server = Server::start(move |seen| match seen.header(AUTHORIZATION.as_str()) {
        "" => challenge(&format!(r#"Bearer realm="https://{realm}/token""#)),
        _ => status(403),
    })
    .await;
    let auth = [auth(&server.address.to_string(), "alice", "s3cret")];
    let resolver = resolver_with_plain(&ca, server.address);
    let error = resolver
        .resolve("shop", &server.image(), &auth)
        .await
        .unwrap_err();
    let cause = Refusal::PlainHttp;
    let registry = server.address.to_string();
    assert_eq!(
        error,
        ResolveError::RegistryUnauthorized { registry, cause }
    );
    // A token for everybody is asked for, without a credential.
    let seen = thief.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].header("authorization"), "");
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_another_name_is_refused_with_its_cause() {
    let (ours, theirs) = (ca(), ca());
    let server = start(&theirs, |_| found(Some(digest().as_str()))).await;
    let text = resolver(&ours)
        .resolve("shop", &image(&server), &[])
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("not signed by a CA that is trusted here"),
        "{text}"
    );
    let text = resolver(&theirs)
        .resolve("shop", &server.image(), &[])
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("for another name"), "{text}");
    assert!(server.seen().is_empty());
}
