//! Polling of the database, every second, for notices of other replicas and for revoked sessions. The poll runs only
//! while this process has an authenticated socket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::shared::{Inner, Listening};
use crate::clock::now_ms;
use crate::domain::event_dedup::EventDedup;
use crate::store::fault::{Fault, Reason};

/// Time between polls. It is short enough that a socket closes within 2 s after its session ends.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Timeout of a single poll.
const POLL_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn run(inner: Arc<Inner>) {
    let mut seen = EventDedup::default();
    let mut tick = tokio::time::interval(POLL_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut well = true;
    loop {
        tick.tick().await;
        if stops(&inner) {
            return;
        }
        let looks = async { tokio::join!(listen(&inner, &mut seen), end_sockets(&inner)) };
        let looked = match tokio::time::timeout(POLL_TIMEOUT, looks).await {
            Ok((heard, ended)) => heard.and(ended),
            Err(_) => Err(Fault::new(Reason::NoAnswer)),
        };
        // Set even after a failed poll, so that new sockets do not wait for the database.
        inner.listening.send_if_modified(|now| {
            let begins = *now != Listening::Yes;
            *now = Listening::Yes;
            begins
        });
        match looked {
            Err(fault) if well => {
                tracing::warn!(reason = %fault, "open sockets may miss what other replicas tell");
            }
            Ok(()) if !well => tracing::info!("other replicas are listened to again"),
            _ => {}
        }
        well = looked.is_ok();
    }
}

/// Returns true if no socket is open, so that the poll must stop. The next socket starts the poll again.
fn stops(inner: &Inner) -> bool {
    let hub = inner.hub();
    if hub.is_empty() {
        inner.listening.send_replace(Listening::No);
    }
    hub.is_empty()
}

async fn listen(inner: &Inner, seen: &mut EventDedup) -> Result<(), Fault> {
    let now = now_ms();
    let since = seen.since(now);
    let found = inner.store.events_since(since, &inner.replica).await?;
    let news = seen.news(found, now);
    let wanted: Vec<String> = {
        let hub = inner.hub();
        let ours = news.into_iter().filter(|(_, tenant)| hub.has(*tenant));
        ours.map(|(id, _)| id).collect()
    };
    if wanted.is_empty() {
        return Ok(());
    }
    for (tenant, text) in inner.store.event_texts(&wanted).await? {
        inner.deliver(tenant, &text.into());
    }
    Ok(())
}

async fn end_sockets(inner: &Inner) -> Result<(), Fault> {
    let asked = inner.hub().sessions();
    let now = now_ms();
    // Expired sessions are known without a query, so their sockets are closed first.
    inner.hub().end(&HashSet::new(), now);
    let living = inner.store.living_sessions(&asked, now).await?;
    let gone = asked.into_iter().filter(|s| !living.contains(s)).collect();
    inner.hub().end(&gone, now);
    Ok(())
}
