//! The operator as a process of the tests, in the cluster's network and with the rights of its service account. All
//! that it asks the API server passes a turnstile, which counts writes and ends the process at those it was told.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crokodial_e2e::cluster::layout::NODE_IP;
use crokodial_e2e::deploy::helm;
use crokodial_e2e::deploy::operators::DEPLOYMENT;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use k8s_openapi::api::core::v1::EnvVar;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use crate::inside;
use crate::world::World;

/// When the process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the API server gets the write.
    Before,
    /// When the API server did it, before the process hears.
    After,
}

/// What passed since [`Turnstile::begin`], of one namespace and without its Events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Writes.
    pub writes: usize,
    /// Objects made and removed, with numbers in their names blurred: how often.
    pub objects: BTreeMap<String, usize>,
    /// How often the process was ended.
    pub deaths: usize,
}

struct State {
    process: Option<Child>,
    passed: Passed,
    /// After how many more writes, each, the process is ended.
    due: VecDeque<(usize, Moment)>,
    /// When something was last made or removed.
    moved: Instant,
}

struct Shared {
    upstream: Client,
    command: Mutex<Command>,
    /// Of a path to an object that counts.
    counted: String,
    state: Mutex<State>,
}

/// The operator's process and its way to the API server, until it is closed.
pub struct Turnstile {
    shared: Arc<Shared>,
    door: tokio::task::JoinHandle<()>,
}

impl Turnstile {
    /// Starts the operator; what it writes in `namespace` counts.
    pub async fn open(world: &World, namespace: &str) -> anyhow::Result<Self> {
        let listener = inside::listener(world, "127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream: as_operator(world).await?,
            command: Mutex::new(command(world, port)?),
            counted: format!("/namespaces/{namespace}/"),
            state: Mutex::new(State {
                process: None,
                passed: Passed::default(),
                due: VecDeque::new(),
                moved: Instant::now(),
            }),
        });
        shared.state().process = Some(shared.spawn()?);
        let door = tokio::spawn(doors(listener, shared.clone()));
        Ok(Self { shared, door })
    }

    /// Counts anew, and ends the process after so many writes, each counted from the one before.
    pub fn begin(&self, due: impl IntoIterator<Item = (usize, Moment)>) {
        let mut state = self.shared.state();
        state.passed = Passed::default();
        state.due = due.into_iter().collect();
        state.moved = Instant::now();
    }

    /// What passed, once nothing was made or removed for so long.
    pub fn rested(&self, quiet: Duration) -> anyhow::Result<Passed> {
        let state = self.shared.state();
        if state.moved.elapsed() < quiet {
            bail!("objects are still made and removed: {:?}", state.passed);
        }
        Ok(state.passed.clone())
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        self.door.abort();
        if let Some(mut process) = self.shared.state().process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

async fn doors(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| shared.clone().pass(request));
            let server = auto::Builder::new(TokioExecutor::new());
            // It ends with an error whenever the process was ended.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        command.spawn().context("starting the operator")
    }

    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let object = self.object(&method, &path);
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(parts, Body::from(body.to_vec()));
        let Some(object) = object else {
            return Ok(self.upstream.send(request).await?);
        };
        let due = self.due();
        if due == Some(Moment::Before) {
            return self.end();
        }
        let this = self.clone();
        // Once it has it, the API server finishes a write whoever goes away, and it is counted.
        let sent = tokio::spawn(async move {
            let answer = this.upstream.send(request).await?;
            this.note(&method, object, answer.status());
            anyhow::Ok(answer)
        });
        let answer = sent.await??;
        if due == Some(Moment::After) {
            return self.end();
        }
        Ok(answer)
    }

    /// What is written, such as `configmaps/prod-rN`, if it counts.
    fn object(&self, method: &Method, path: &str) -> Option<String> {
        let (_, object) = path.split_once(&self.counted)?;
        let counts = method != Method::GET && !object.starts_with("events");
        counts.then(|| blurred(object))
    }

    /// Counts a write.
    fn due(&self) -> Option<Moment> {
        let mut state = self.state();
        state.passed.writes += 1;
        let (left, moment) = state.due.front_mut()?;
        *left = left.saturating_sub(1);
        let moment = (*left == 0).then_some(*moment)?;
        state.due.pop_front();
        Some(moment)
    }

    fn note(&self, method: &Method, object: String, status: http::StatusCode) {
        let what = match *method {
            Method::DELETE if status.is_success() => "removed",
            _ if status == http::StatusCode::CREATED => "made",
            _ => return,
        };
        let mut state = self.state();
        state.moved = Instant::now();
        *state
            .passed
            .objects
            .entry(format!("{what} {object}"))
            .or_default() += 1;
    }

    /// Ends the process as a crash does, and starts the next one.
    fn end(&self) -> anyhow::Result<Response<Body>> {
        let mut state = self.state();
        let process = state.process.as_mut().context("no process")?;
        process.kill()?;
        process.wait()?;
        state.process = Some(self.spawn()?);
        state.passed.deaths += 1;
        bail!("the process was ended")
    }
}

/// Digits become one `N`, so that equal things of different releases have one name.
pub fn blurred(text: &str) -> String {
    let mut blurred = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if blurred.ends_with('N') => {}
            '0'..='9' => blurred.push('N'),
            c => blurred.push(c),
        }
    }
    blurred
}

/// A client with the rights of the operator's service account.
async fn as_operator(world: &World) -> anyhow::Result<Client> {
    let account = "crokodial-operator";
    let token = world.kubectl(&["-n", helm::NAMESPACE, "create", "token", account])?;
    let mut kubeconfig = serde_json::to_value(Kubeconfig::read_from(world.cluster.kubeconfig())?)?;
    let user = kubeconfig
        .pointer_mut("/users/0/user")
        .context("a kubeconfig without a user")?;
    *user = json!({ "token": token.trim() });
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// The operator's binary as its image has it, in the cluster's network and asking the cluster's name server.
fn command(world: &World, port: u16) -> anyhow::Result<Command> {
    let layout = &world.cluster.layout;
    let folder = layout.path("turnstile");
    std::fs::create_dir_all(&folder)?;
    let (kubeconfig, names) = (folder.join("kubeconfig"), folder.join("resolv.conf"));
    let cluster =
        json!({"name": "turnstile", "cluster": {"server": format!("http://127.0.0.1:{port}")}});
    let context =
        json!({"name": "turnstile", "context": {"cluster": "turnstile", "user": "turnstile"}});
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "turnstile",
        "clusters": [cluster], "contexts": [context], "users": [{"name": "turnstile", "user": {}}]});
    std::fs::write(&kubeconfig, text.to_string())?;
    std::fs::write(&names, format!("nameserver {NODE_IP}\n"))?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(layout.path("turnstile/operator.log"))?;
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}", layout.netns().display()))
        .args(["unshare", "--mount", "sh", "-c"])
        .arg(r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#)
        .arg(names)
        .arg(layout.path("images/operator/crokodial-operator"))
        .env_clear()
        .envs(variables(world)?)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}

/// The variables that the chart gave the operator, but for the length of the lease: who is ended is followed sooner.
fn variables(world: &World) -> anyhow::Result<Vec<(String, String)>> {
    let path = "jsonpath={.spec.template.spec.containers[0].env}";
    let load = ["-n", helm::NAMESPACE, "get", DEPLOYMENT, "-o", path];
    let given: Vec<EnvVar> = serde_json::from_str(&world.kubectl(&load)?)?;
    let given = given.into_iter().filter_map(|v| Some((v.name, v.value?)));
    let own = [
        ("POD_NAMESPACE", helm::NAMESPACE),
        ("CROKODIAL_POD_NAME", "turnstile"),
        ("CROKODIAL_LEASE_DURATION", "2s"),
        ("CROKODIAL_LISTEN", "127.0.0.1:0"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(given.chain(own).collect())
}
