//! Runs the operator as a child process in the cluster's network, with the permissions of its service account. The
//! operator's requests to the API server pass through a proxy. The proxy counts writes and kills the operator at chosen
//! writes.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crokodial_cluster::deploy::helm;
use crokodial_cluster::deploy::operators::DEPLOYMENT;
use crokodial_cluster::layout::NODE_IP;
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

use crate::support::cluster_network;
use crate::support::world::World;

/// Name of the working folder, of the entries in the kubeconfig, and of the pod that the operator believes it runs in.
const NAME: &str = "crash-proxy";

/// Moment at which the operator is killed, relative to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashTime {
    /// The operator is killed before the API server receives the write.
    BeforeWrite,
    /// The operator is killed after the API server has done the write, but before the operator receives the response.
    AfterWrite,
}

/// Writes of the operator in the counted namespace since [`CrashProxy::reset`]. Events are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Number of writes.
    pub writes: usize,
    /// Number of creations and deletions by object, such as `created configmaps/prod-rN`. In names, `N` replaces each
    /// number.
    pub objects: BTreeMap<String, usize>,
    /// Number of times the operator was killed.
    pub crashes: usize,
}

struct State {
    process: Option<Child>,
    traffic: Traffic,
    /// Scheduled crashes. Each has the number of writes since the previous crash, and the moment relative to the last
    /// of these writes.
    due: VecDeque<(usize, CrashTime)>,
    /// Time of the last creation or deletion of a counted object, or of the last reset.
    changed: Instant,
}

struct Shared {
    upstream: Client,
    command: Mutex<Command>,
    /// Part of a request path that identifies the counted namespace.
    counted: String,
    state: Mutex<State>,
}

/// Process of the operator, and the proxy. Dropping this value stops both.
pub struct CrashProxy {
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

impl CrashProxy {
    /// Starts the proxy and the operator. The proxy counts the writes in `namespace`.
    pub async fn start(world: &World, namespace: &str) -> anyhow::Result<Self> {
        let listener = cluster_network::listener(world, "127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream: operator_client(world).await?,
            command: Mutex::new(command(world, port)?),
            counted: format!("/namespaces/{namespace}/"),
            state: Mutex::new(State {
                process: None,
                traffic: Traffic::default(),
                due: VecDeque::new(),
                changed: Instant::now(),
            }),
        });
        shared.state().process = Some(shared.spawn()?);
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { shared, server })
    }

    /// Resets the counters and schedules crashes. Each crash has the number of writes since the previous crash, and the
    /// moment relative to the last of these writes.
    pub fn reset(&self, due: impl IntoIterator<Item = (usize, CrashTime)>) {
        let mut state = self.shared.state();
        state.traffic = Traffic::default();
        state.due = due.into_iter().collect();
        state.changed = Instant::now();
    }

    /// Returns the counted traffic. Fails until no object has been created or deleted for the duration `quiet`.
    pub fn settled(&self, quiet: Duration) -> anyhow::Result<Traffic> {
        let state = self.shared.state();
        if state.changed.elapsed() < quiet {
            bail!("objects are still created and deleted: {:?}", state.traffic);
        }
        Ok(state.traffic.clone())
    }
}

impl Drop for CrashProxy {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(mut process) = self.shared.state().process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| shared.clone().forward(request));
            let server = auto::Builder::new(TokioExecutor::new());
            // The error is ignored: the connection breaks whenever the operator is killed.
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

    async fn forward(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> anyhow::Result<Response<Body>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let object = self.object(&method, &path);
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(parts, Body::from(body.to_vec()));
        let Some(object) = object else {
            return Ok(self.upstream.send(request).await?);
        };
        let due = self.count_write();
        if due == Some(CrashTime::BeforeWrite) {
            return self.crash();
        }
        let this = self.clone();
        // Sent in a separate task, so that a write is completed and recorded even if the operator disconnects.
        let sent = tokio::spawn(async move {
            let answer = this.upstream.send(request).await?;
            this.record(&method, object, answer.status());
            anyhow::Ok(answer)
        });
        let answer = sent.await??;
        if due == Some(CrashTime::AfterWrite) {
            return self.crash();
        }
        Ok(answer)
    }

    /// Returns the object of a write, such as `configmaps/prod-rN`; `None` for a request that is not counted.
    fn object(&self, method: &Method, path: &str) -> Option<String> {
        let (_, object) = path.split_once(&self.counted)?;
        let counts = method != Method::GET && !object.starts_with("events");
        counts.then(|| without_numbers(object))
    }

    /// Counts a write. If a crash is scheduled for this write, returns the moment of the crash.
    fn count_write(&self) -> Option<CrashTime> {
        let mut state = self.state();
        state.traffic.writes += 1;
        let (left, time) = state.due.front_mut()?;
        *left = left.saturating_sub(1);
        let time = (*left == 0).then_some(*time)?;
        state.due.pop_front();
        Some(time)
    }

    /// Counts a creation or deletion of an object, if the API server accepted it.
    fn record(&self, method: &Method, object: String, status: http::StatusCode) {
        let what = match *method {
            Method::DELETE if status.is_success() => "deleted",
            _ if status == http::StatusCode::CREATED => "created",
            _ => return,
        };
        let mut state = self.state();
        state.changed = Instant::now();
        *state
            .traffic
            .objects
            .entry(format!("{what} {object}"))
            .or_default() += 1;
    }

    /// Kills the operator's process and starts a new one. Always returns an error, in place of the response.
    fn crash(&self) -> anyhow::Result<Response<Body>> {
        let mut state = self.state();
        let process = state.process.as_mut().context("no process")?;
        process.kill()?;
        process.wait()?;
        state.process = Some(self.spawn()?);
        state.traffic.crashes += 1;
        bail!("the process was killed")
    }
}

/// Replaces each number in the text by `N`, so that corresponding objects of different releases have equal names.
pub fn without_numbers(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if result.ends_with('N') => {}
            '0'..='9' => result.push('N'),
            c => result.push(c),
        }
    }
    result
}

/// Creates a Kubernetes client with the permissions of the operator's service account.
async fn operator_client(world: &World) -> anyhow::Result<Client> {
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

/// Returns the command that starts the operator's binary in the cluster's network, with the cluster's name server.
fn command(world: &World, port: u16) -> anyhow::Result<Command> {
    let layout = &world.cluster.layout;
    let folder = layout.path(NAME);
    std::fs::create_dir_all(&folder)?;
    let (kubeconfig, names) = (folder.join("kubeconfig"), folder.join("resolv.conf"));
    let cluster = json!({"name": NAME, "cluster": {"server": format!("http://127.0.0.1:{port}")}});
    let context = json!({"name": NAME, "context": {"cluster": NAME, "user": NAME}});
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": NAME,
        "clusters": [cluster], "contexts": [context], "users": [{"name": NAME, "user": {}}]});
    std::fs::write(&kubeconfig, text.to_string())?;
    std::fs::write(&names, format!("nameserver {NODE_IP}\n"))?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("operator.log"))?;
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

/// Returns the environment variables of the operator: those of the chart's Deployment with some changes, such as a
/// shorter Lease, so that a restarted process becomes the leader sooner.
fn variables(world: &World) -> anyhow::Result<Vec<(String, String)>> {
    let path = "jsonpath={.spec.template.spec.containers[0].env}";
    let arguments = ["-n", helm::NAMESPACE, "get", DEPLOYMENT, "-o", path];
    let given: Vec<EnvVar> = serde_json::from_str(&world.kubectl(&arguments)?)?;
    let given = given.into_iter().filter_map(|v| Some((v.name, v.value?)));
    let own = [
        ("POD_NAMESPACE", helm::NAMESPACE),
        ("CROKODIAL_POD_NAME", NAME),
        ("CROKODIAL_LEASE_DURATION", "2s"),
        ("CROKODIAL_LISTEN", "127.0.0.1:0"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(given.chain(own).collect())
}
