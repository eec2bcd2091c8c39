//! Tests of the resolver against local servers that send valid, invalid and hostile responses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::*;
use crate::net::{Guard, Trust};
use crokodial_crds::Reason;

const MANIFEST: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn digest() -> Digest {
    format!("sha256:{}", hex::encode(Sha256::digest(MANIFEST)))
        .parse()
        .unwrap()
}

/// Request that the test server received.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    path: String,
    headers: HeaderMap,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

#[derive(Clone)]
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Answer,
}

impl Server {
    async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            answer: Arc::new(answer),
        };
        let router = server.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn router(&self) -> Router {
        Router::new().fallback(note).with_state(self.clone())
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn image(&self) -> ImageRef {
        format!("{}/team/app:1", self.address).parse().unwrap()
    }

    fn resolver(&self) -> Resolver {
        plain(self.address)
    }

    async fn resolve(&self) -> Result<Digest, ResolveError> {
        self.resolver()
            .resolve("shop", &self.image(), &[])
            .await
            .map(|resolved| resolved.digest)
    }
}

async fn note(State(server): State<Server>, request: Request) -> Response {
    let seen = Seen {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().clone(),
    };
    server.seen.lock().unwrap().push(seen.clone());
    (server.answer)(&seen)
}

/// Creates a resolver that uses plain HTTP for the registry at `address` and HTTPS for all others.
fn plain(address: SocketAddr) -> Resolver {
    let client = HttpClient::new(
        Guard::for_tests_allowing_loopback(),
        Trust::platform().unwrap(),
    );
    Resolver::new(client, vec![address.to_string()], Metrics::new())
}

fn status(code: u16) -> Response {
    Response::builder()
        .status(code)
        .body(Body::empty())
        .unwrap()
}

fn found(digest: Option<&str>) -> Response {
    let answer = Response::builder().header(CONTENT_TYPE, INDEX);
    let answer = match digest {
        Some(digest) => answer.header("Docker-Content-Digest", digest),
        None => answer,
    };
    answer.body(Body::from(MANIFEST)).unwrap()
}

fn challenge(text: &str) -> Response {
    Response::builder()
        .status(401)
        .header(WWW_AUTHENTICATE, text)
        .body(Body::from("hunter2 <script>"))
        .unwrap()
}

fn redirect(to: &str) -> Response {
    Response::builder()
        .status(307)
        .header(LOCATION, to)
        .body(Body::empty())
        .unwrap()
}

fn auth(registry: &str, user: &str, password: &str) -> RegistryAuth {
    let json = serde_json::json!({registry: {"username": user, "password": password}});
    RegistryAuth::from_dockercfg(json.to_string().as_bytes())
        .unwrap()
        .remove(0)
}

fn trouble(outcome: Result<Digest, ResolveError>) -> UnusableResponse {
    match outcome {
        Err(ResolveError::RegistryUnreachable { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tag_is_asked_for_once_by_head_with_every_manifest_type() {
    let server = Server::start(|_| found(Some(digest().as_str()))).await;
    assert_eq!(server.resolve().await, Ok(digest()));
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("HEAD", "/v2/team/app/manifests/1")
    );
    assert_eq!(seen[0].header("host"), server.address.to_string());
    for kind in [
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "distribution.manifest.list.v2",
        "distribution.manifest.v2",
    ] {
        assert!(seen[0].header("accept").contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn a_digest_asks_nobody() {
    let server = Server::start(|_| status(500)).await;
    let image = server.image().at(digest());
    assert_eq!(
        server
            .resolver()
            .resolve("shop", &image, &[])
            .await
            .unwrap()
            .digest,
        digest()
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_a_usable_digest_header_the_manifest_is_hashed() {
    let odd = ["", "sha512:00", "sha256:zz"];
    for named in odd {
        let server =
            Server::start(move |_| found(Some(named).filter(|text| !text.is_empty()))).await;
        assert_eq!(server.resolve().await, Ok(digest()), "{named}");
        let methods: Vec<String> = server.seen().into_iter().map(|seen| seen.method).collect();
        assert_eq!(methods, ["HEAD", "GET"]);
    }
    let no_head = Server::start(|seen| {
        if seen.method == "HEAD" {
            status(405)
        } else {
            found(None)
        }
    })
    .await;
    assert_eq!(no_head.resolve().await, Ok(digest()));
}

#[tokio::test]
async fn a_digest_that_the_manifest_contradicts_is_not_believed() {
    let other = format!("sha256:{}", "0".repeat(64));
    let server = Server::start(move |seen| {
        if seen.method == "HEAD" {
            found(None)
        } else {
            found(Some(&other))
        }
    })
    .await;
    assert_eq!(
        trouble(server.resolve().await),
        UnusableResponse::DigestMismatch
    );
}

#[tokio::test]
async fn a_login_page_is_no_manifest() {
    let page = |_: &Seen| {
        Response::builder()
            .header(CONTENT_TYPE, "text/html")
            .body(Body::from("<html>"))
            .unwrap()
    };
    assert_eq!(
        trouble(Server::start(page).await.resolve().await),
        UnusableResponse::NotAManifest
    );
}

#[tokio::test]
async fn every_status_has_its_reason_and_no_text_of_the_server_is_repeated() {
    let table = [
        (404, Reason::ImageNotFound, "NotFound"),
        (403, Reason::RegistryUnauthorized, "Unauthorized"),
        (429, Reason::RegistryUnreachable, "Unreachable"),
        (500, Reason::RegistryUnreachable, "Unreachable"),
        (502, Reason::RegistryUnreachable, "Unreachable"),
        (503, Reason::RegistryUnreachable, "Unreachable"),
        (418, Reason::RegistryUnreachable, "Unreachable"),
        (204, Reason::RegistryUnreachable, "Unreachable"),
    ];
    for (code, reason, outcome) in table {
        let server = Server::start(move |_| {
            Response::builder()
                .status(code)
                .body(Body::from("hunter2"))
                .unwrap()
        })
        .await;
        let resolver = server.resolver();
        let error = resolver
            .resolve("shop", &server.image(), &[])
            .await
            .unwrap_err();
        let counted = resolver.metrics.render().unwrap();
        let line = format!("crokodial_image_resolutions_total{{outcome=\"{outcome}\"}} 1");
        assert!(counted.contains(&line), "{code}: {counted}");
        assert_eq!(error.reason(), reason, "{code}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn redirects_are_followed_but_not_to_forbidden_places_and_not_for_ever() {
    let hop = Server::start(|seen| {
        if seen.path == "/elsewhere" {
            found(Some(digest().as_str()))
        } else {
            redirect("/elsewhere")
        }
    })
    .await;
    assert_eq!(hop.resolve().await, Ok(digest()));

    let circle = Server::start(|seen| redirect(&seen.path)).await;
    assert_eq!(trouble(circle.resolve().await), UnusableResponse::Redirect);
    assert_eq!(circle.seen().len(), 4);

    let metadata = Server::start(|_| redirect("https://169.254.169.254/latest/meta-data/")).await;
    let UnusableResponse::Net(NetError::Refused { host, kind }) = trouble(metadata.resolve().await)
    else {
        panic!("not refused");
    };
    assert_eq!((host.as_str(), kind), ("169.254.169.254", "link-local"));

    for target in [
        "http://169.254.169.254/",
        "http://other.example/",
        "ftp://x/",
        "relative",
        "//x/y",
        "",
    ] {
        let server = Server::start(move |_| redirect(target)).await;
        assert_eq!(
            trouble(server.resolve().await),
            UnusableResponse::Redirect,
            "{target}"
        );
    }
}

#[tokio::test]
async fn existence_is_proven_or_unknown() {
    for (code, expected) in [
        (200, Existence::Exists),
        (404, Existence::Gone),
        (403, Existence::Denied),
        (401, Existence::Unknown),
        (429, Existence::Unknown),
        (500, Existence::Unknown),
    ] {
        let server = Server::start(move |_| status(code)).await;
        assert_eq!(
            server
                .resolver()
                .exists("shop", &server.image(), &digest(), &[])
                .await,
            expected,
            "{code}"
        );
        let seen = server.seen();
        assert_eq!(
            (seen[0].method.as_str(), seen[0].path.as_str()),
            (
                "HEAD",
                format!("/v2/team/app/manifests/{}", digest()).as_str()
            )
        );
    }
    let closed = Server::start(|_| status(200)).await.image();
    let image: ImageRef = format!("no-such-host.invalid/{}:1", closed.repository)
        .parse()
        .unwrap();
    assert_eq!(
        plain("127.0.0.1:1".parse().unwrap())
            .exists("shop", &image, &digest(), &[])
            .await,
        Existence::Unknown
    );
}

#[tokio::test]
async fn a_registry_that_is_not_on_the_list_is_spoken_to_by_tls() {
    let server = Server::start(|_| found(Some(digest().as_str()))).await;
    let error = plain("127.0.0.1:1".parse().unwrap())
        .resolve("shop", &server.image(), &[])
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ResolveError::RegistryUnreachable {
                cause: UnusableResponse::Net(NetError::Tls { .. }),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(server.seen().is_empty());
}

#[path = "resolver_fair_tests.rs"]
mod fair;
#[path = "resolver_hostile_tests.rs"]
mod hostile;
#[path = "resolver_tls_tests.rs"]
mod over_tls;

#[path = "resolver_sign_in_tests.rs"]
mod sign_in;
