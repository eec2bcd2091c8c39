//! Watch streams. Each stream replays the log of changes from a resource version and then follows it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use crate::handlers::{selector, shown};
use crate::routes::Route;
use crate::selectors::Selector;
use crate::state::State;
use crate::status::{ApiError, ApiResult};
use crate::store::{Change, LogEntry, Store};

/// Notification to all open watches that the store has changed or that all streams must end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signal {
    pub version: u64,
    /// Counter that is incremented to end all open streams. A stream ends when the counter differs from its value at
    /// the start of the stream.
    pub epoch: u64,
}

/// State of one open watch stream.
#[derive(Debug)]
struct Follower {
    store: Arc<Mutex<State>>,
    signal: Receiver<Signal>,
    epoch: u64,
    route: Route,
    selector: Selector,
    seen: u64,
    deadline: Instant,
    lines: VecDeque<Bytes>,
    ended: bool,
    /// Number of the client that opened the stream. The stream ends when this client has crashed.
    client: u64,
}

/// Returns the body of a watch response, which has one JSON document per line. It ends at the latest after
/// `timeoutSeconds` (default 1800), measured with tokio's clock.
pub fn follow(
    state: &Arc<Mutex<State>>,
    signal: Receiver<Signal>,
    route: &Route,
    client: u64,
) -> ApiResult<impl Stream<Item = Bytes> + Send + 'static + use<>> {
    let selector = selector(route)?;
    let seconds: u64 = route.param("timeoutSeconds").parse().unwrap_or(1800);
    let epoch = signal.borrow().epoch;
    let mut follower = Follower {
        store: state.clone(),
        epoch,
        signal,
        route: route.clone(),
        selector,
        seen: 0,
        deadline: Instant::now() + Duration::from_secs(seconds),
        lines: VecDeque::new(),
        ended: false,
        client,
    };
    follower.begin(&state.lock().unwrap().store)?;
    Ok(stream::unfold(follower, |mut follower| async move {
        let line = follower.next().await?;
        Some((line, follower))
    }))
}

impl Follower {
    fn begin(&mut self, store: &Store) -> ApiResult<()> {
        let from = self.route.param("resourceVersion").to_owned();
        let initial = self.route.param("sendInitialEvents") == "true";
        let version = match from.as_str() {
            "" | "0" => None,
            given => Some(given.parse::<u64>().map_err(|_| {
                ApiError::bad_request(format!("invalid resourceVersion {given:?}"))
            })?),
        };
        match version {
            Some(version) if version < store.compacted() && !initial => {
                let error = ApiError::new(
                    410,
                    "Expired",
                    format!(
                        "too old resource version: {version} ({})",
                        store.compacted()
                    ),
                );
                self.push("ERROR", &error.body());
                self.ended = true;
            }
            Some(version) if version > store.version() => {
                return Err(ApiError::new(
                    504,
                    "Timeout",
                    format!(
                        "Too large resource version: {version}, current: {}",
                        store.version()
                    ),
                ));
            }
            Some(version) if !initial => self.seen = version,
            _ => self.initial_events(store, initial),
        }
        Ok(())
    }

    fn initial_events(&mut self, store: &Store, bookmark: bool) {
        let objects: Vec<Value> = store
            .list(&self.route.resource, &self.route.namespace)
            .map(|(_, stored)| stored.served())
            .filter(|object| self.selector.matches(object))
            .collect();
        for object in objects {
            self.push("ADDED", &object);
        }
        self.seen = store.version();
        if bookmark {
            self.bookmark(true);
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            let now = *self.signal.borrow_and_update();
            if self.ended || now.epoch != self.epoch {
                return None;
            }
            self.read_log();
            if self.ended {
                return None;
            }
            if !self.lines.is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                moved = self.signal.changed() => if moved.is_err() { return None },
                () = tokio::time::sleep_until(self.deadline) => {
                    self.ended = true;
                    if self.route.param("allowWatchBookmarks") == "true" {
                        self.bookmark(false);
                    }
                }
            }
        }
    }

    fn read_log(&mut self) {
        let state = self.store.clone();
        let state = state.lock().unwrap();
        if state.crashed.contains(&self.client) {
            self.ended = true;
            return;
        }
        if self.seen < state.store.compacted() {
            // As on a real server, a compaction does not end an open watch; it only prevents resuming.
            self.seen = self.seen.max(state.store.compacted());
        }
        for entry in state.store.log_since(self.seen) {
            self.event(entry);
        }
        self.seen = state.store.version();
    }

    fn event(&mut self, entry: &LogEntry) {
        let here = self.route.namespace.is_empty() || entry.key.namespace == self.route.namespace;
        if !here || !entry.key.is_of(&self.route.resource) {
            return;
        }
        let was = entry
            .previous
            .as_ref()
            .is_some_and(|p| self.selector.matches(&p.value));
        let is = entry.change != Change::Deleted && self.selector.matches(&entry.object.value);
        match (was, is) {
            (false, true) => self.push("ADDED", &entry.object.served()),
            (true, true) => self.push("MODIFIED", &entry.object.served()),
            (true, false) => self.push("DELETED", &entry.object.served()),
            (false, false) => {}
        }
    }

    fn push(&mut self, kind: &str, object: &Value) {
        let object = if kind == "ERROR" {
            object.clone()
        } else {
            shown(object, self.route.metadata_only)
        };
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.lines.push_back(Bytes::from(line));
    }

    fn bookmark(&mut self, end_of_initial: bool) {
        let mut metadata =
            json!({"resourceVersion": self.seen.to_string(), "creationTimestamp": null});
        if end_of_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let resource = &self.route.resource;
        let object = json!({"kind": resource.kind, "apiVersion": resource.api_version(), "metadata": metadata});
        self.push("BOOKMARK", &object);
    }
}
