//! Tests of the limits on lookups: a registry that does not answer delays only the namespace that asks for it.

use std::time::Instant;

use super::*;

/// Time within which a lookup must be answered although another registry does not answer. A lookup that waited for one at
/// that registry would take [`LOOKUP_TIMEOUT`] longer. One that does not wait takes a few milliseconds on an idle machine.
const PROMPT: Duration = Duration::from_secs(2);

/// Starts a registry that accepts connections and never answers.
async fn tarpit() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn a_registry_that_does_not_answer_delays_no_other_namespace_and_no_other_registry() {
    let tarpit = tarpit().await;
    let good = Server::start(|_| found(Some(digest().as_str()))).await;
    let client = HttpClient::new(
        Guard::for_tests_allowing_loopback(),
        Trust::platform().unwrap(),
    );
    let plain = vec![tarpit.to_string(), good.address.to_string()];
    let resolver = Resolver::new(client, plain, Metrics::new());
    let slow: ImageRef = format!("{tarpit}/team/app:1").parse().unwrap();
    let lookups = (0..MAX_PENDING).map(|_| {
        let (resolver, slow) = (resolver.clone(), slow.clone());
        tokio::spawn(async move { resolver.resolve("noisy", &slow, &[]).await })
    });
    let lookups: Vec<_> = lookups.collect();
    while resolver.limits.pending.try_acquire("noisy").is_some() {
        tokio::task::yield_now().await;
    }
    let one_too_many = resolver.resolve("noisy", &slow, &[]).await;
    let one_too_many = trouble(one_too_many.map(|found| found.digest));
    assert_eq!(one_too_many, UnusableResponse::TooManyLookups);
    let started = Instant::now();
    let answer = resolver.resolve("shop", &good.image(), &[]).await;
    assert_eq!(answer.unwrap().digest, digest());
    let existence = resolver.exists("shop", &good.image(), &digest(), &[]).await;
    assert_eq!(existence, Existence::Exists);
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
    lookups.iter().for_each(tokio::task::JoinHandle::abort);
    // Within the namespace the other registry is asked as well.
    for lookup in lookups {
        let _ = lookup.await;
    }
    let again = (0..MAX_PENDING - 1).map(|_| {
        let (resolver, slow) = (resolver.clone(), slow.clone());
        tokio::spawn(async move { resolver.resolve("noisy", &slow, &[]).await })
    });
    let _again: Vec<_> = again.collect();
    // One place is left when all of them run or wait.
    let places = || [(); 2].map(|()| resolver.limits.pending.try_acquire("noisy"));
    while places().iter().all(Option::is_some) {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    let answer = resolver.resolve("noisy", &good.image(), &[]).await;
    assert_eq!(answer.unwrap().digest, digest());
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
}
