#[path = "pod_fixture.rs"]
mod pod_fixture;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use self::pod_fixture::*;
use super::*;
use crate::net::{Guard, Trust};

#[tokio::test]
async fn a_page_and_each_asset_of_the_site_is_asked_for_as_the_edge_would() {
    let pod = Pod::serves(|path| match path {
        "/" => html(PAGE),
        "/a.css" | "/a.js" | "/i.png" => plain("200 OK"),
        _ => plain("404 Not Found"),
    })
    .await;
    let passed = SmokeResult::Passed {
        pages: 2,
        assets: 3,
    };
    let checks = [check("/", "200-299"), check("/none", "404")];
    assert_eq!(pod.smoke(&checks).await, passed);
    let mut asked = pod.asked();
    asked.sort();
    assert_eq!(asked, ["/", "/a.css", "/a.js", "/i.png", "/none"]);
    for head in pod.heads.lock().unwrap().iter() {
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\r\nhost: app.example.com\r\n"), "{head}");
        assert!(head.contains("\r\nx-forwarded-proto: https\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_missing_asset_is_named_with_its_page() {
    let pod = Pod::serves(|path| match path {
        "/" => html("<script src='/assets/app.js?key=secret'></script>"),
        _ => plain("404 Not Found"),
    })
    .await;
    assert_eq!(
        message(pod.smoke(&root()).await),
        "page / names the script /assets/app.js: /assets/app.js was answered with status 404, expected 200"
    );
}

#[tokio::test]
async fn the_page_in_place_of_an_asset_is_no_asset() {
    let pod = Pod::serves(|_| html("<script src=/assets/app.js></script>")).await;
    let said = message(pod.smoke(&root()).await);
    assert!(
        said.ends_with("/assets/app.js was answered with an HTML page"),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_status_and_a_missing_text_say_what_was_expected() {
    let pod = Pod::serves(|path| match path {
        "/" => plain("503 Service Unavailable"),
        _ => html("<title>Crokodial</title>"),
    })
    .await;
    assert_eq!(
        message(pod.smoke(&root()).await),
        "/ was answered with status 503, expected 200-299"
    );
    let text = |text: &str| Check {
        contains: Some(text.to_owned()),
        ..check("/login", "200")
    };
    assert_eq!(
        pod.smoke(&[text("<title>Crokodial")]).await,
        SmokeResult::Passed {
            pages: 1,
            assets: 0
        }
    );
    assert_eq!(
        message(pod.smoke(&[text("<title>Other")]).await),
        "the answer to /login does not contain the text that smoke asks for"
    );
}

#[tokio::test]
async fn redirects_are_followed_on_the_site_only() {
    let pod = Pod::serves(|path| match path {
        "/" => moved("/login?next=/"),
        "/login?next=/" => moved("https://app.example.com/home"),
        "/home" => html("<img src=logo.png>"),
        "/logo.png" => plain("200 OK"),
        "/metadata" => moved("http://169.254.169.254/latest/meta-data/"),
        "/self" => moved("http://localhost:8080/"),
        "/port" => moved("http://app.example.com:8080/"),
        "/relative" => moved("//evil.example.com/"),
        "/scheme" => moved("file:///etc/passwd"),
        "/loop" => moved("/loop"),
        _ => plain("302 Found"),
    })
    .await;
    let passed = |assets| SmokeResult::Passed { pages: 1, assets };
    assert_eq!(pod.smoke(&root()).await, passed(1));
    for path in ["/metadata", "/self", "/port", "/relative", "/scheme"] {
        assert_eq!(
            message(pod.smoke(&[check(path, "200")]).await),
            format!(
                "{path} was answered with status 302, a redirect to another site, expected 200"
            )
        );
        assert_eq!(
            pod.smoke(&[check(path, "302")]).await,
            passed(0),
            "not followed"
        );
    }
    pod.heads.lock().unwrap().clear();
    let said = message(pod.smoke(&[check("/loop", "200")]).await);
    assert_eq!(said, "/loop redirects more than 5 times");
    assert_eq!(pod.asked().len(), 6);
    let said = message(pod.smoke(&[check("/nowhere", "200")]).await);
    assert_eq!(said, "/nowhere was answered with status 302, expected 200");
}

#[tokio::test]
async fn a_head_that_drips_and_one_that_never_comes_end_in_time() {
    let silent = Pod::speaks(|_, stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let said = message(silent.smoke_within(&root(), quick()).await);
    assert!(said.starts_with("/ was not answered within"), "{said}");
    let dripping = Pod::speaks(|_, mut stream| async move {
        let head = "HTTP/1.1 200 OK\r\nX-Long: ".bytes();
        for byte in head.chain(std::iter::repeat(b'x')) {
            let _ = stream.write_u8(byte).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let said = message(dripping.smoke_within(&root(), quick()).await);
    assert!(said.starts_with("/ was not answered within"), "{said}");
}

#[tokio::test]
async fn a_body_that_drips_ends_in_time_and_one_without_end_at_the_limit() {
    let dripping = Pod::speaks(|_, mut stream| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_u8(b'x').await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let said = message(dripping.smoke_within(&root(), quick()).await);
    assert!(said.starts_with("/ was not answered within"), "{said}");
    let endless = |kind: &'static str| {
        Pod::speaks(move |_, mut stream| async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b' '; 64 * 1024]).await.is_ok() {}
        })
    };
    let said = message(endless("text/html").await.smoke(&root()).await);
    assert_eq!(said, "the answer to / is larger than 5242880 bytes");
    // Of a response that is not a page, only the beginning is read.
    let passed = SmokeResult::Passed {
        pages: 1,
        assets: 0,
    };
    assert_eq!(endless("image/png").await.smoke(&root()).await, passed);
}

#[tokio::test]
async fn huge_headers_and_what_is_not_http_are_failures() {
    let huge = Pod::speaks(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        let line = format!("X-Huge: {}\r\n", "x".repeat(4096));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    })
    .await;
    let said = message(huge.smoke(&root()).await);
    assert_eq!(
        said,
        "the connection broke off, or the answer to / is not HTTP"
    );
    assert_eq!(
        huge.asked().len(),
        2,
        "a connection that breaks is tried once more"
    );
    let ssh = Pod::speaks(|_, mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
    })
    .await;
    assert_eq!(message(ssh.smoke(&root()).await), said);
    let short = Pod::speaks(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
        let _ = stream.write_all(head).await;
    })
    .await;
    assert_eq!(message(short.smoke(&root()).await), said);
}

#[tokio::test]
async fn many_slow_assets_end_with_the_whole_run() {
    let pod = Pod::speaks(|head, mut stream| async move {
        let (kind, body) = if head.starts_with("GET / ") {
            let names: String = (0..1000).map(|n| format!("<img src=/{n}.png>")).collect();
            ("text/html", names)
        } else {
            tokio::time::sleep(Duration::from_millis(250)).await;
            ("image/png", "x".to_owned())
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
    })
    .await;
    let limits = Limits {
        overall: Duration::from_secs(2),
        ..Limits::default()
    };
    let said = message(pod.smoke_within(&root(), limits).await);
    assert_eq!(
        said,
        "the pages and their assets were not all answered within 2 s"
    );
    assert!(pod.asked().len() < 60, "a few at a time");
}

#[tokio::test]
async fn no_more_than_two_hundred_assets_are_asked_for() {
    static ASSETS: AtomicUsize = AtomicUsize::new(0);
    let pod = Pod::serves(|path| {
        if path == "/" {
            return html(
                &(0..1000)
                    .map(|n| format!("<img src=/{n}.png>"))
                    .collect::<String>(),
            );
        }
        ASSETS.fetch_add(1, Ordering::Relaxed);
        plain("200 OK")
    })
    .await;
    let passed = SmokeResult::Passed {
        pages: 1,
        assets: MAX_ASSETS,
    };
    assert_eq!(pod.smoke(&root()).await, passed);
    assert_eq!(ASSETS.load(Ordering::Relaxed), MAX_ASSETS);
}

#[tokio::test]
async fn a_compressed_page_cannot_be_read_and_says_so() {
    let pod = Pod::serves(|_| {
        let (head, body) = html("x");
        (format!("{head}\r\nContent-Encoding: gzip"), body)
    })
    .await;
    let said = message(pod.smoke(&root()).await);
    assert_eq!(
        said,
        "/ was answered compressed, though that was not asked for"
    );
}

#[tokio::test]
async fn a_pod_that_cannot_be_dialled_is_not_to_blame() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let plan = SmokePlan::default();
    let result = probe(quick()).run(&target(port), &plan).await;
    assert!(
        matches!(&result, SmokeResult::Unreachable { message } if message.contains("ConnectionFailed")),
        "{result:?}"
    );
    // The guard refuses loopback and link-local addresses, even if the pod's status contains one.
    let guarded = SmokeProbe::new(
        HttpClient::new(Guard::new(Vec::new()), Trust::platform().unwrap()),
        quick(),
    );
    for ip in ["127.0.0.1", "169.254.169.254", "::1", "fe80::1"] {
        let target = SmokeTarget {
            ip: ip.to_owned(),
            ..target(port)
        };
        let result = guarded.run(&target, &plan).await;
        assert!(
            matches!(&result, SmokeResult::Unreachable { message } if message.contains("AddressRefused")),
            "{ip}: {result:?}"
        );
    }
}

#[test]
fn a_path_in_a_message_has_no_query_and_an_end() {
    assert_eq!(shown("/a?token=secret"), "/a");
    assert_eq!(shown(&format!("/{}", "x".repeat(500))).chars().count(), 121);
}
