//! Main loop of the operator: one controller per namespace, the HTTP endpoints, the leader election, and a graceful
//! shutdown.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::defaults::Defaults;
use crate::context::{Context, Outside, Settings};
use crate::edge::EdgeProbe;
use crate::environment::controller;
use crate::environment::watches::Watched;
use crate::http::{self, Readiness};
use crate::kube_io::{KubeIo, connection};
use crate::leader::{Elector, Fence, LeadershipCallbacks, socket};
use crate::metrics::Metrics;
use crate::net::{Guard, HttpClient, Trust, api_server_ips};
use crate::registry::Resolver;
use crate::requeue::RequeueTrigger;
use crate::requirements;
use crate::smoke::SmokeProbe;
use crate::smoke::run::Limits;
use crate::uptime::Probes;
use crate::uptime::probe::Dialler;
use crate::uptime::prober::Prober;

/// Time after which a controller that panicked is started again.
const RESTART_DELAY: Duration = Duration::from_secs(10);

/// Runs the operator until it receives SIGTERM or SIGINT. It then stops reconciles in progress and gives up the
/// leadership.
///
/// # Errors
/// Returns an error if the listen address cannot be bound, the kubeconfig is unusable, or a signal handler cannot be
/// installed.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let metrics = Metrics::new();
    let readiness = Readiness::starting();
    let listener = TcpListener::bind(config.listen).await?;
    let server = http::serve(listener, metrics.clone(), readiness.clone(), stop.clone());
    let server = tokio::spawn(ending(stop.clone(), server));
    let kube = kube_config().await?;
    let ctx = Arc::new(context(&config, &kube, metrics.clone()).await?);
    let signals = tokio::spawn(wait_for_signal(stop.clone()));
    tracing::info!(namespaces = ?config.watch_namespaces, version = env!("CARGO_PKG_VERSION"), "started");
    let (terms_begun, terms) = watch::channel(0);
    if requirements::wait(&ctx, &readiness, &stop).await {
        let elector = elector(
            &config,
            &kube,
            &ctx,
            ElectionListener {
                metrics,
                readiness: readiness.clone(),
                terms_begun,
                probes: ctx.probes.clone(),
            },
        )?;
        let election = tokio::spawn(ending(stop.clone(), elector.run(stop.clone())));
        let namespaces = config.watch_namespaces.iter().cloned();
        let runs = namespaces.map(|ns| {
            let (ctx, terms) = (ctx.clone(), terms.clone());
            let watches = connection::multiplexed(&kube)?;
            Ok(supervised(
                ctx,
                Watched {
                    namespace: ns,
                    client: watches,
                },
                config.concurrency.get(),
                terms,
                stop.clone(),
            ))
        });
        let runs = join_all(runs.collect::<kube::Result<Vec<_>>>()?);
        tokio::join!(runs, requirements::watch(&ctx, &readiness, &stop));
        election.await?;
    }
    stop.cancel();
    server.await??;
    signals.await??;
    tracing::info!("stopped");
    Ok(())
}

/// Runs a task without which the operator is of no use. When it ends, even by a panic, the operator stops, and the
/// kubelet starts it again.
async fn ending<T>(stop: CancellationToken, task: impl Future<Output = T>) -> T {
    let _stop = stop.drop_guard();
    task.await
}

/// Forwards results of the leader election to metrics, readiness, controllers and probes.
struct ElectionListener {
    metrics: Metrics,
    readiness: Readiness,
    terms_begun: watch::Sender<u64>,
    probes: Arc<dyn Probes>,
}

impl LeadershipCallbacks for ElectionListener {
    fn leads(&mut self, leads: bool) {
        self.metrics.leads(leads);
        self.readiness.set_leads(leads);
        // A replica that does not lead does not know which release answers. Probe results are therefore dropped at
        // every change of leadership.
        self.probes.forget_all();
        if leads {
            self.terms_begun.send_modify(|term| *term += 1);
        }
    }

    fn trouble(&mut self, trouble: Option<String>) {
        self.readiness.set_election(trouble);
    }
}

/// Creates the elector. It uses its own connections, so that reconciles cannot delay the renewal of the Lease.
fn elector(
    config: &Config,
    kube: &kube::Config,
    ctx: &Context,
    listener: ElectionListener,
) -> anyhow::Result<Elector<ElectionListener>> {
    let client = socket::client(kube, config.lease.attempt(), config.lease.margin(), None)?;
    Ok(Elector::new(
        client,
        &config.operator_namespace,
        &config.pod_name,
        config.lease,
        ctx.io.fence().clone(),
        listener.metrics.clone(),
        listener,
    ))
}

async fn kube_config() -> anyhow::Result<kube::Config> {
    let mut kube = kube::Config::infer().await?;
    // Retries within the client can delay a call for minutes. Calls here have deadlines, and failed reconciles are
    // retried.
    kube.default_retry = false;
    Ok(kube)
}

async fn context(
    config: &Config,
    kube: &kube::Config,
    metrics: Metrics,
) -> anyhow::Result<Context> {
    let client = connection::multiplexed(kube)?;
    let fence = Fence::closed();
    let writes = socket::client(
        kube,
        config.lease.attempt(),
        config.lease.margin(),
        Some(fence.clone()),
    )?;
    let guard =
        Guard::new(api_server_ips(std::env::var("KUBERNETES_SERVICE_HOST").ok().as_deref()).await);
    let http = HttpClient::new(guard.clone(), Trust::platform()?);
    let settings = Settings {
        watch_namespaces: config.watch_namespaces.clone(),
        tenants: config.tenants.clone(),
        operator_namespace: config.operator_namespace.clone(),
        read_ingress_classes: config.allow_ingress_class_read,
        defaults: Defaults {
            ingress_class: config.ingress_class.clone(),
            tls_mode: config.tls_mode,
            preflight_image: config.preflight_image.clone(),
            preflight_pull_secret: config.preflight_pull_secret.clone(),
        },
    };
    let images = Arc::new(Resolver::new(
        http.clone(),
        config.plain_http_registries.clone(),
        metrics.clone(),
    ));
    let smoke = Arc::new(SmokeProbe::new(http.clone(), Limits::default()));
    let edge = Arc::new(EdgeProbe::new(http.clone()));
    let requeue = RequeueTrigger::default();
    let dialler = Dialler::new(guard, http, api_server());
    let probes = Arc::new(Prober::new(
        dialler,
        requeue.clone(),
        metrics.clone(),
        Clock::System,
    ));
    Ok(Context::new(
        KubeIo::fenced(client, writes, fence, metrics.clone()),
        settings,
        Outside {
            images,
            edge,
            probes,
            smoke,
        },
        requeue,
        metrics,
        Clock::System,
    ))
}

/// Returns the address of the API server from the environment variables that the kubelet sets in pods. Returns `None`
/// outside a cluster, or if the host is a name.
fn api_server() -> Option<SocketAddr> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok()?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT").ok()?;
    Some(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))
}

/// Runs the controller of one namespace. If it panics, it is started again after a pause, and the controllers of the
/// other namespaces go on meanwhile.
async fn supervised(
    ctx: Arc<Context>,
    watched: Watched,
    concurrency: u16,
    terms: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    loop {
        let (ctx, terms, stopped) = (ctx.clone(), terms.clone(), stop.clone());
        let run = controller::run(ctx, watched.clone(), concurrency, terms, stopped);
        if AssertUnwindSafe(run).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(namespace = watched.namespace, "a controller panicked");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RESTART_DELAY) => {}
        }
    }
}

async fn wait_for_signal(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = term.recv() => tracing::info!("SIGTERM: finishing what is under way"),
        _ = int.recv() => tracing::info!("SIGINT: finishing what is under way"),
        () = stop.cancelled() => {}
    }
    stop.cancel();
    Ok(())
}
