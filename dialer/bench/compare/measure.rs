//! The measurements of the benchmark: request throughput, memory, and latency during failed sign-ins.

use std::time::Duration;

use anyhow::ensure;
use http::{Method, StatusCode};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::data::{Data, EMAIL};
use super::file;
use super::load::{self, Answers, Connection, Route};
use super::report::{Bound, Report, Row};
use super::server::{Server, Servers};

/// Number of concurrent connections for measuring throughput.
const CLIENTS: usize = 16;

/// Number of concurrent connections that request the lead list, with and without other clients that send wrong
/// passwords. It is small so that these requests do not delay each other.
const CALM_CLIENTS: usize = 4;

/// Number of concurrent clients that send wrong passwords, to measure their effect on other requests.
const STORMERS: usize = 8;

/// Duration of each latency measurement of the lead list: one while other clients send wrong passwords, and one without
/// them.
const STORM: Duration = Duration::from_secs(20);

/// Number of runs, and the routes to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    pub runs: usize,
    /// Text that the name of a route must contain for the route to be measured; `None` to measure everything.
    pub only: Option<String>,
}

/// A route to measure, and its required throughput.
struct Case {
    what: &'static str,
    route: Route,
    /// Duration of one run.
    takes: Duration,
    bounds: Bounds,
}

/// Required minimum ratio of the dialer's requests per CPU-second to those of the other servers.
enum Bounds {
    /// Minimum ratio to Fastify, followed by the minimum ratio to Express.
    Each(f64, f64),
    /// Minimum ratio to the faster of Fastify and Express.
    Faster(f64),
}

fn cases(data: &Data) -> [Case; 3] {
    let route = |paths: Vec<String>, signed_in: bool| Route {
        paths,
        authorization: signed_in.then(|| data.authorization.clone()),
    };
    let reads = data.ids.iter().map(|id| format!("/api/leads/{id}"));
    [
        Case {
            what: "webhook health",
            route: route(vec!["/api/webhooks/health".to_owned()], false),
            takes: Duration::from_secs(2),
            bounds: Bounds::Each(2.0, 3.5),
        },
        Case {
            what: "list of 50",
            route: route(vec![LIST.to_owned()], true),
            takes: Duration::from_secs(8),
            bounds: Bounds::Faster(1.5),
        },
        Case {
            what: "single read",
            route: route(reads.collect(), true),
            takes: Duration::from_secs(4),
            bounds: Bounds::Faster(1.5),
        },
    ]
}

const LIST: &str = "/api/leads?limit=50";

/// Runs the measurements that `plan` selects and returns their report.
///
/// # Errors
/// If a response is wrong, a server cannot be reached, or `plan` selects no route.
pub async fn all(servers: &Servers, data: &Data, plan: Plan) -> anyhow::Result<Report> {
    let mut report = Report::default();
    report.note(format!("load of the machine before: {}", machine()?));
    let only = plan.only.as_deref();
    let wanted = |case: &Case| only.is_none_or(|word| case.what.contains(word));
    for case in cases(data).into_iter().filter(wanted) {
        speed(servers, &case, plan.runs, &mut report).await?;
    }
    ensure!(!report.rows.is_empty(), "--only: no route has this name");
    if only.is_none() {
        memory(servers, &mut report)?;
        storm(&servers.dialer, data, &mut report).await?;
        // Runs last, because it adds many leads.
        file::memory(servers, data, &mut report).await?;
    }
    report.note(format!("load of the machine after: {}", machine()?));
    Ok(report)
}

async fn speed(
    servers: &Servers,
    case: &Case,
    runs: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let all = servers.all();
    // Warm-up: Node compiles frequently used code, and the servers open their database connections.
    for server in all {
        load::run(server.address, &case.route, CLIENTS, case.takes).await?;
    }
    let mut per_cpu_second = [const { Vec::new() }; 3];
    let mut per_second = [const { Vec::new() }; 3];
    for run in 0..runs {
        for place in 0..all.len() {
            let turn = (run + place) % all.len();
            let (Some(server), Some(cpu), Some(wall)) = (
                all.get(turn),
                per_cpu_second.get_mut(turn),
                per_second.get_mut(turn),
            ) else {
                continue;
            };
            let (answers, used) = loaded(server, case).await?;
            eprintln!(
                "{}, run {}, {}: {} answers in {:.2} s, CPU {:.2} s",
                case.what,
                run + 1,
                server.name,
                answers.count(),
                answers.took.as_secs_f64(),
                used.as_secs_f64()
            );
            cpu.push(f64::from(answers.count()) / used.as_secs_f64().max(0.01));
            wall.push(answers.per_second());
        }
    }
    let what = format!("{}: requests per CPU-second", case.what);
    let mut row = Row::runs(what, &per_cpu_second);
    row = match case.bounds {
        Bounds::Each(fastify, express) => row
            .fastify(Bound::AtLeast(fastify))
            .express(Bound::AtLeast(express)),
        Bounds::Faster(times) => row.larger(Bound::AtLeast(times)),
    };
    report.add(row);
    let what = format!("{}: requests per second", case.what);
    report.add(Row::runs(what, &per_second));
    Ok(())
}

async fn loaded(server: &Server, case: &Case) -> anyhow::Result<(Answers, Duration)> {
    let before = server.cpu()?;
    let answers = load::run(server.address, &case.route, CLIENTS, case.takes).await?;
    Ok((answers, server.cpu()?.saturating_sub(before)))
}

fn memory(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let mut mib = [0.0; 3];
    for (into, server) in mib.iter_mut().zip(servers.all()) {
        *into = f64::from(server.peak_kib()?) / 1024.0;
    }
    let row = Row::new("peak memory (RSS), MiB", mib);
    report.add(row.smaller(Bound::AtMost(0.25)));
    Ok(())
}

/// Measures the 99th percentile latency of the lead list, first without other load and then while clients send wrong
/// passwords.
async fn storm(dialer: &Server, data: &Data, report: &mut Report) -> anyhow::Result<()> {
    let list = Route {
        paths: vec![LIST.to_owned()],
        authorization: Some(data.authorization.clone()),
    };
    let calm = load::run(dialer.address, &list, CALM_CLIENTS, STORM).await?;
    let stop = CancellationToken::new();
    let stormers: Vec<_> = (0..STORMERS)
        .map(|_| tokio::spawn(try_passwords(dialer.address, stop.clone())))
        .collect();
    let stormy = load::run(dialer.address, &list, CALM_CLIENTS, STORM).await;
    stop.cancel();
    let (mut judged, mut busy) = (0, 0);
    for stormer in stormers {
        let counts = stormer.await??;
        judged += counts.0;
        busy += counts.1;
    }
    let stormy = stormy?;
    report.note(format!(
        "login storm: {STORMERS} clients, {judged} wrong passwords judged and {busy} refused as busy in {} s; list read {} times beside it, {} without",
        STORM.as_secs(),
        stormy.count(),
        calm.count()
    ));
    let milliseconds = |answers: &Answers| answers.p99().as_secs_f64() * 1000.0;
    let row = Row::alone("list in a login storm: p99, ms", milliseconds(&stormy));
    report.add(row.goal("without", milliseconds(&calm), Bound::AtMost(3.0)));
    Ok(())
}

async fn try_passwords(
    address: std::net::SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<(u32, u32)> {
    let mut connection = Connection::open(address).await?;
    let body = json!({ "email": EMAIL, "password": "not the password" }).to_string();
    let (mut judged, mut busy) = (0, 0);
    while !stop.is_cancelled() {
        let login = connection.ask(Method::POST, "/api/auth/login", None, &body);
        match login.await?.0 {
            StatusCode::UNAUTHORIZED => judged += 1,
            StatusCode::SERVICE_UNAVAILABLE => busy += 1,
            other => anyhow::bail!("a wrong password was answered {other}"),
        }
    }
    Ok((judged, busy))
}

/// Returns the load averages of the machine over 1, 5 and 15 minutes, and its number of cores, as text.
fn machine() -> anyhow::Result<String> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let cores = std::thread::available_parallelism()?;
    let averages: Vec<&str> = load.split_whitespace().take(3).collect();
    Ok(format!("{} on {cores} cores", averages.join(" ")))
}
