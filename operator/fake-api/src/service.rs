//! Tower service of the fake API server. It records calls, injects planned faults, and responds.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch::Sender;

use crate::faults::{Call, Fault};
use crate::handlers::handle;
use crate::routes::{NoRoute, Route, Verb, parse};
use crate::state::State;
use crate::watch::{Signal, follow};

/// Connection of one client, which represents one operator process.
#[derive(Debug, Clone)]
pub struct Connection {
    pub state: Arc<Mutex<State>>,
    pub signal: Arc<Sender<Signal>>,
    pub client: u64,
}

type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// Error of a broken connection, or of a client whose process has crashed.
#[derive(Debug)]
pub struct ConnectionError(&'static str);

impl std::fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ConnectionError {}

const LOST: ConnectionError = ConnectionError("injected fault: connection lost");
const DEAD: ConnectionError = ConnectionError(
    "injected fault: this client's process has crashed; a new client() is the restarted process",
);

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<ResponseBody>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| LOST)?.to_bytes();
            match connection.decide(&parts, &body) {
                Decision::Answer(response) => Ok(response),
                Decision::Break(error) => Err(error),
                Decision::Hang => std::future::pending().await,
            }
        })
    }
}

enum Decision {
    Answer(Response<ResponseBody>),
    Break(ConnectionError),
    Hang,
}

impl Connection {
    fn decide(&self, parts: &http::request::Parts, body: &[u8]) -> Decision {
        let mut guard = self.state.lock().unwrap();
        let state = &mut *guard;
        if state.crashed.contains(&self.client) {
            return Decision::Break(DEAD);
        }
        if let Some(answer) = state.discovery(parts.uri.path()) {
            return Decision::Answer(respond(200, &answer));
        }
        let route = match parse(&state.store, parts, body) {
            Ok(route) => route,
            Err(why) => return Decision::Answer(state.no_route(parts, why)),
        };
        let fault = state.faults.next(route.verb, &route.namespace);
        if fault == Some(Fault::Held) {
            state.held.push(route);
            return Decision::Hang;
        }
        let mut call = record(parts, &route, fault);
        if fault == Some(Fault::CrashBefore) {
            state.crashed.insert(self.client);
        }
        if let Some(Fault::CrashBefore | Fault::ConnectionLostBefore | Fault::Hang) = fault {
            state.faults.calls.push(call);
            self.announce(state);
            return if fault == Some(Fault::Hang) {
                Decision::Hang
            } else {
                Decision::Break(LOST)
            };
        }
        if let Some(error) = state.faults.refusal(fault, &route) {
            call.code = error.code;
            state.faults.calls.push(call);
            return Decision::Answer(respond(error.code, &error.body()));
        }
        if route.verb == Verb::Watch {
            call.code = 200;
            state.faults.calls.push(call);
            drop(guard);
            return Decision::Answer(self.watch(&route));
        }
        let (code, answer) = match handle(&mut state.store, &route) {
            Ok(answer) => {
                call.changed = answer.changed;
                (answer.code, answer.body)
            }
            Err(error) => (error.code, error.body()),
        };
        if fault == Some(Fault::CrashAfter) {
            state.crashed.insert(self.client);
        }
        call.code = if fault.is_some() { 0 } else { code };
        state.faults.calls.push(call);
        self.announce(state);
        match fault {
            Some(_) => Decision::Break(LOST),
            None => Decision::Answer(respond(code, &answer)),
        }
    }

    fn watch(&self, route: &Route) -> Response<ResponseBody> {
        match follow(&self.state, self.signal.subscribe(), route, self.client) {
            Ok(lines) => {
                let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(line)));
                let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
                json_type(&mut response);
                response
            }
            Err(error) => respond(error.code, &error.body()),
        }
    }

    fn announce(&self, state: &State) {
        let version = state.store.version();
        self.signal.send_modify(|signal| signal.version = version);
    }
}

fn record(parts: &http::request::Parts, route: &Route, fault: Option<Fault>) -> Call {
    let manager = if route.verb.is_write() {
        route.manager()
    } else {
        ""
    };
    Call {
        verb: route.verb,
        resource: route.resource.qualified(),
        namespace: route.namespace.clone(),
        name: route.name.clone(),
        subresource: route.subresource.clone(),
        path: parts.uri.path().into(),
        manager: manager.into(),
        changed: false,
        code: 0,
        fault,
    }
}

fn respond(code: u16, body: &Value) -> Response<ResponseBody> {
    let mut response =
        Response::new(Full::new(Bytes::from(serde_json::to_vec(body).unwrap())).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
    json_type(&mut response);
    response
}

fn json_type(response: &mut Response<ResponseBody>) {
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
}

impl State {
    /// Responds to discovery requests: `/version`, `/api/<version>` and `/apis/<group>/<version>`. Returns `None` for
    /// any other path, and for a group and version without types.
    fn discovery(&self, path: &str) -> Option<Value> {
        let path = path.trim_matches('/');
        if path == "version" {
            return Some(
                json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "", "gitTreeState": "",
                "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
            );
        }
        let (group, version) = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["api", version] => ("", *version),
            ["apis", group, version] => (*group, *version),
            _ => return None,
        };
        let served = self
            .store
            .types
            .iter()
            .filter(|t| t.group == group && t.version == version);
        let resources: Vec<Value> = served
            .map(|t| {
                json!({"name": t.plural, "singularName": "", "namespaced": t.namespaced, "kind": t.kind,
                    "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]})
            })
            .collect();
        let group_version = if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        };
        (!resources.is_empty()).then(|| {
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
        })
    }

    /// Responds to a request that could not be parsed, and records it in `unexpected`. The response to an unknown path
    /// is a plain-text 404. A request for a type that the test has removed is not recorded.
    fn no_route(&mut self, parts: &http::request::Parts, why: NoRoute) -> Response<ResponseBody> {
        let line = format!("{} {}", parts.method, parts.uri);
        match why {
            NoRoute::Refused(error) => {
                self.faults
                    .unexpected
                    .push(format!("{line}: {}", error.message));
                respond(error.code, &error.body())
            }
            NoRoute::UnknownPath => {
                let removed = self
                    .removed
                    .iter()
                    .any(|plural| parts.uri.path().split('/').any(|p| p == plural));
                if !removed {
                    self.faults.unexpected.push(line);
                }
                let mut response =
                    Response::new(Full::new(Bytes::from("404 page not found\n")).boxed_unsync());
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                response
            }
        }
    }
}
