//! Tests of authentication at a registry without TLS, to which credentials are never sent.

use super::*;

#[tokio::test]
async fn an_anonymous_token_is_fetched_for_our_scope_and_used() {
    let server = Server::start(
        |seen| match (seen.path.as_str(), seen.header("authorization")) {
            (path, "") if path.starts_with("/token") => {
                Response::new(Body::from(r#"{"access_token":"t0k"}"#))
            }
            (_, "Bearer t0k") => found(Some(digest().as_str())),
            _ => challenge(&format!(
                r#"Bearer realm="http://{}/token?x=1",service="a b",scope="repository:other:push""#,
                seen.header("host")
            )),
        },
    )
    .await;
    assert_eq!(server.resolve().await, Ok(digest()));
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(
        paths[1],
        "/token?x=1&service=a+b&scope=repository%3Ateam%2Fapp%3Apull"
    );
}

#[tokio::test]
async fn credentials_are_never_sent_over_plain_http() {
    for text in ["Basic realm=\"r\"", "Bearer realm=\"http://REALM/token\""] {
        let server = Server::start(move |seen| match seen.path.starts_with("/token") {
            true => status(401),
            false => challenge(&text.replace("REALM", seen.header("host"))),
        })
        .await;
        let auth = [auth(&server.address.to_string(), "alice", "s3cret")];
        let error = server
            .resolver()
            .resolve("shop", &server.image(), &auth)
            .await
            .unwrap_err();
        let ResolveError::RegistryUnauthorized { cause, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*cause, Refusal::PlainHttp);
        assert!(
            server
                .seen()
                .iter()
                .all(|seen| seen.header("authorization").is_empty()),
            "{:?}",
            server.seen()
        );
    }
}

#[tokio::test]
async fn an_unknown_sign_in_or_a_useless_token_service_is_said_to_be_so() {
    let negotiate = Server::start(|_| challenge("Negotiate")).await;
    assert_eq!(
        trouble(negotiate.resolve().await),
        UnusableResponse::Challenge
    );
    let silent = Server::start(|_| status(401)).await;
    assert_eq!(trouble(silent.resolve().await), UnusableResponse::Challenge);
    for (code, body) in [
        (500, ""),
        (200, "not json"),
        (200, "{}"),
        (200, r#"{"token":"a\nb"}"#),
    ] {
        let server = Server::start(move |seen| match seen.path.starts_with("/token") {
            true => Response::builder()
                .status(code)
                .body(Body::from(body))
                .unwrap(),
            false => challenge(&format!(
                r#"Bearer realm="http://{}/token""#,
                seen.header("host")
            )),
        })
        .await;
        assert_eq!(
            trouble(server.resolve().await),
            UnusableResponse::Token,
            "{code} {body}"
        );
    }
}
