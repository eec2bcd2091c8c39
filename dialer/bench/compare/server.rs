//! The compared servers as child processes, with measurement of their CPU time and memory.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use http::Method;

use super::data::JWT_SECRET;
use super::load::Connection;

/// Maximum time from the start of a server to its first successful response.
const START: Duration = Duration::from_secs(30);

/// Duration of a clock tick, the unit in which Linux reports CPU time (`USER_HZ` is 100).
const TICK: Duration = Duration::from_millis(10);

/// Maximum number of failed sign-ins that the dialer is configured to allow. It is the highest configurable value, so
/// that sign-ins are not throttled during the benchmark.
const FAILURES: &str = "10000";

/// A running server process. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server has no state that would need an orderly shutdown.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(
        name: &'static str,
        mut command: Command,
        uri: &str,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let log = logs.join(name);
        let output = File::create(&log)?;
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("NODE_ENV", "production")
            .env("MONGODB_URI", uri)
            .env("JWT_SECRET", JWT_SECRET)
            .env("PORT", port.to_string())
            .env("LOGIN_FAILURES_PER_ACCOUNT", FAILURES)
            .env("LOGIN_FAILURES_PER_ADDRESS", FAILURES)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Self {
            name,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            child,
        };
        server
            .until_it_answers()
            .await
            .with_context(|| format!("{name}; its log is {}", log.display()))?;
        Ok(server)
    }

    async fn until_it_answers(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok((status, _)) = connection
                    .ask(Method::GET, "/api/webhooks/health", None, "")
                    .await
                && status.is_success()
            {
                return Ok(());
            }
            if let Some(ended) = self.child.try_wait()? {
                bail!("it ended at once: {ended}");
            }
            ensure!(began.elapsed() < START, "it does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the CPU time that the process has used since it started.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The process name before this bracket may contain any character, including spaces.
        let fields = stat.rsplit_once(')').context("no fields in stat")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.map(|t| t.parse::<u32>().unwrap_or(0)).sum();
        Ok(TICK * ticks)
    }

    /// Returns the peak memory of the process (RSS), in KiB.
    pub fn peak_kib(&self) -> anyhow::Result<u32> {
        self.memory_kib("VmHWM:")
    }

    /// Returns the current memory of the process (RSS), in KiB.
    pub fn now_kib(&self) -> anyhow::Result<u32> {
        self.memory_kib("VmRSS:")
    }

    fn memory_kib(&self, field: &str) -> anyhow::Result<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix(field));
        let kib = line.and_then(|l| l.split_whitespace().next());
        let kib = kib.with_context(|| format!("no {field}"))?;
        kib.parse().context("memory")
    }
}

/// The three compared servers, in the order of the columns in the report.
#[derive(Debug)]
pub struct Servers {
    pub dialer: Server,
    pub fastify: Server,
    pub express: Server,
    uri: String,
    logs: PathBuf,
}

impl Servers {
    /// Starts all servers on the database at `uri`. The environment variable `DIALER_BIN` can name a different dialer
    /// binary than the one that was built with this benchmark.
    pub async fn start(uri: &str) -> anyhow::Result<Self> {
        let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare");
        std::fs::create_dir_all(&logs)?;
        let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/node");
        ensure!(
            node.join("node_modules").is_dir(),
            "the packages of bench/node are missing: run `make bench-dialer`, or `npm ci` there"
        );
        let script = |file: &str| {
            let mut command = Command::new("node");
            command.arg(file).current_dir(&node);
            command
        };
        Ok(Self {
            dialer: Server::start("dialer", dialer(), uri, &logs).await?,
            fastify: Server::start("fastify", script("fastify.mjs"), uri, &logs).await?,
            express: Server::start("express", script("express.mjs"), uri, &logs).await?,
            uri: uri.to_owned(),
            logs,
        })
    }

    /// Starts another dialer process on the same database.
    pub async fn fresh_dialer(&self) -> anyhow::Result<Server> {
        Server::start("fresh dialer", dialer(), &self.uri, &self.logs).await
    }

    pub fn all(&self) -> [&Server; 3] {
        [&self.dialer, &self.fastify, &self.express]
    }
}

fn dialer() -> Command {
    Command::new(std::env::var_os("DIALER_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_dialer")),
        PathBuf::from,
    ))
}
