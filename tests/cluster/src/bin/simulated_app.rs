//! HTTP server that simulates a faulty application, for end-to-end tests and measurements. Its command-line flags
//! choose the faults. Apart from the faults, it passes the operator's probes and smoke checks.
//!
//! It uses only the standard library, so that `rustc` can compile it without cargo to a static binary for a `scratch`
//! image.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Faults to simulate, as set by the command-line flags.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Time after the start of the process at which it exits with an error; `None` for never.
    exit_after: Option<Duration>,
    /// Delay before each response; `None` for no delay.
    delay: Option<Duration>,
    /// Time from the start of the process until responses begin to be delayed by `delay`.
    delay_after: Duration,
    /// True if requests for the script that the page `/` references return 404.
    no_assets: bool,
    /// True if the process exits with success immediately after its start.
    end_well: bool,
}

fn main() -> ExitCode {
    let faults = match parse(std::env::args().skip(1)) {
        Ok(faults) => faults,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if faults.end_well {
        return ExitCode::SUCCESS;
    }
    let port = std::env::var("PORT").unwrap_or_else(|_| "3005".to_owned());
    let listener = match TcpListener::bind(format!("0.0.0.0:{port}")) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let started = Instant::now();
    if let Some(after) = faults.exit_after {
        std::thread::spawn(move || {
            std::thread::sleep(after);
            std::process::exit(1);
        });
    }
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            // The error is ignored: a client may disconnect at any time.
            let _ = answer(&stream, faults, started);
        });
    }
    ExitCode::SUCCESS
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Faults, String> {
    let mut faults = Faults::default();
    for argument in arguments {
        let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name}: write a number, as in {name}=10"))
        };
        match name {
            "--exit-after-seconds" => faults.exit_after = Some(Duration::from_secs(number()?)),
            "--delay-milliseconds" => faults.delay = Some(Duration::from_millis(number()?)),
            "--delay-after-seconds" => faults.delay_after = Duration::from_secs(number()?),
            "--no-assets" => faults.no_assets = true,
            "--end-well" => faults.end_well = true,
            other => return Err(format!("{other} is no fault that is known here")),
        }
    }
    Ok(faults)
}

/// Answers HTTP requests on one connection until the client closes it. Returns an error if the client sends nothing
/// for 60 s.
fn answer(stream: &TcpStream, faults: Faults, started: Instant) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        let Some(request) = lines.next() else {
            return Ok(());
        };
        let request = request?;
        for header in lines.by_ref() {
            if header?.is_empty() {
                break;
            }
        }
        if let Some(delay) = faults
            .delay
            .filter(|_| started.elapsed() >= faults.delay_after)
        {
            std::thread::sleep(delay);
        }
        let path = request.split(' ').nth(1).unwrap_or("/");
        let (status, kind, body) = page(path, faults);
        let mut writer = stream;
        write!(
            writer,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        writer.flush()?;
    }
}

fn page(path: &str, faults: Faults) -> (&'static str, &'static str, &'static str) {
    const OK: &str = "200 OK";
    match path {
        "/" => (
            OK,
            "text/html",
            "<!doctype html><title>simulated</title><script src=\"/app.js\"></script>",
        ),
        "/app.js" if !faults.no_assets => (OK, "text/javascript", "void 0;"),
        "/api/health" | "/readyz" | "/livez" => {
            (OK, "application/json", "{\"version\":\"simulated\"}")
        }
        _ => ("404 Not Found", "text/plain", "there is nothing here"),
    }
}
