//! Tests of serving the UI: files, compression, caching, and paths of the client-side router.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::support::{NOWHERE, TestApp, app_with_files, get, get_with, send};
use axum::body::Body;
use crokodial_dialer::ui::{Files, StoredFile};
use http::{Method, Request, StatusCode};
use sha2::{Digest, Sha256};

#[derive(Debug)]
struct Table(BTreeMap<&'static str, (&'static str, &'static str)>);

impl Files for Table {
    fn get(&self, path: &str) -> Option<StoredFile> {
        let (mime, body) = self.0.get(path)?;
        Some(StoredFile {
            body: Cow::Borrowed(body.as_bytes()),
            sha256: Sha256::digest(body).into(),
            mime: (*mime).to_owned(),
        })
    }
}

fn site() -> TestApp {
    let files = Table(BTreeMap::from([
        (
            "index.html",
            ("text/html", "<!doctype html><title>Crokodial</title>"),
        ),
        ("index.html.br", ("application/octet-stream", "brotli page")),
        ("favicon.svg", ("image/svg+xml", "<svg/>")),
        ("assets/app-1a2b3c.js", ("text/javascript", "plain script")),
        (
            "assets/app-1a2b3c.js.br",
            ("application/octet-stream", "brotli script"),
        ),
        (
            "assets/app-1a2b3c.js.gz",
            ("application/gzip", "gzip script"),
        ),
        ("assets/small-9f.css", ("text/css", "a{}")),
    ]));
    app_with_files(NOWHERE, &[], Box::new(files))
}

#[tokio::test]
async fn assets_are_immutable_and_negotiated() {
    let site = site();
    for (accept, encoding, body) in [
        ("gzip, deflate, br", "br", "brotli script"),
        ("gzip", "gzip", "gzip script"),
        ("br;q=0, gzip", "gzip", "gzip script"),
        ("", "", "plain script"),
    ] {
        let path = "/assets/app-1a2b3c.js";
        let answer = get_with(&site.router, path, &[("accept-encoding", accept)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-encoding"), encoding, "{accept}");
        assert_eq!(answer.text, body);
        assert_eq!(
            answer.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert!(
            vary.contains(&&http::HeaderValue::from_static("Accept-Encoding")),
            "{vary:?}"
        );
    }
    let plain = get_with(
        &site.router,
        "/assets/small-9f.css",
        &[("accept-encoding", "br")],
    )
    .await;
    assert_eq!(
        (plain.text.as_str(), plain.header("content-encoding")),
        ("a{}", "")
    );
}

#[tokio::test]
async fn a_missing_file_is_404_and_never_the_page() {
    let site = site();
    for path in [
        "/assets/app-old.js",
        "/assets/gone",
        "/missing.png",
        "/assets/app-1a2b3c.js.br",
        "/index.html.br",
        "/assets/../index.html",
    ] {
        let answer = get(&site.router, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text.contains("<html"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn every_page_address_is_the_index_which_is_always_revalidated() {
    let site = site();
    for path in [
        "/",
        "/login",
        "/leads/64b7f0c2a1b2c3d4e5f60718",
        "/health",
        "/groupme/callback?x=1",
    ] {
        let answer = get(&site.router, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text.contains("<title>Crokodial"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    let plain = get(&site.router, "/").await;
    let etag = plain.header("etag").to_owned();
    let again = get_with(
        &site.router,
        "/leads",
        &[("if-none-match", &format!("W/{etag}, \"x\""))],
    )
    .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!(again.text, "");
    let brotli = get_with(
        &site.router,
        "/",
        &[("accept-encoding", "br"), ("if-none-match", &etag)],
    )
    .await;
    assert_eq!(
        (brotli.status, brotli.text.as_str()),
        (StatusCode::OK, "brotli page")
    );
    assert_eq!(
        get(&site.router, "/favicon.svg")
            .await
            .header("cache-control"),
        "no-cache"
    );
}

#[tokio::test]
async fn pages_are_only_read() {
    let site = site();
    for (method, status) in [
        (Method::HEAD, StatusCode::OK),
        (Method::POST, StatusCode::METHOD_NOT_ALLOWED),
        (Method::DELETE, StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let request = Request::builder()
            .method(method)
            .uri("/leads")
            .body(Body::empty())
            .unwrap();
        assert_eq!(send(&site.router, request).await.status, status);
    }
}

#[tokio::test]
async fn without_a_built_ui_pages_say_so_and_the_api_works() {
    let site = app_with_files(NOWHERE, &[], Box::new(Table(BTreeMap::new())));
    let answer = get(&site.router, "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text, "UI not built: run make ui\n");
    assert_eq!(get(&site.router, "/livez").await.status, StatusCode::OK);
}
