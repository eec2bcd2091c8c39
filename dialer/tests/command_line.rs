//! Tests of the `dialer` program: what it writes to standard output, which scripts read, and to standard error.

use std::process::Stdio;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::mongo::scratch;
use crate::support::people::login;
use crate::support::{JWT_SECRET, app};

/// Number of administrators that one test creates. Without a clean end of the driver, about one program in sixty wrote
/// a panic of the driver behind the password.
const ADMINISTRATORS: u32 = 10;

/// Maximum time until the server has logged that it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the program with these settings, and no others.
fn dialer(uri: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialer"));
    command
        .env_clear()
        .env("MONGODB_URI", uri)
        .env("JWT_SECRET", JWT_SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn logs_go_to_standard_error() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut server = dialer("mongodb://127.0.0.1:1/dialer")
        .env("PORT", port)
        .spawn()
        .unwrap();
    let mut logs = BufReader::new(server.stderr.take().unwrap()).lines();
    let listens = async {
        while let Some(line) = logs.next_line().await.unwrap() {
            if line.contains("dialer listens") {
                return;
            }
        }
    };
    tokio::time::timeout(START_TIMEOUT, listens).await.unwrap();
    server.kill().await.unwrap();
    let output = server.wait_with_output().await.unwrap();
    assert_eq!(text(&output.stdout), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_all_that_is_printed_and_it_works() {
    let name = "a_new_password_is_all_that_is_printed_and_it_works";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, &[]);
    for number in 0..ADMINISTRATORS {
        let email = format!("admin-{number}@example.com");
        let mut command = dialer(&db.uri);
        let output = command
            .args(["admin", "create", "--email", &email])
            .output();
        let output = output.await.unwrap();
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert!(!errors.contains("panic"), "{errors}");
        let password = text(&output.stdout).strip_suffix('\n').unwrap();
        assert_eq!(login(&app, &email, password).await.status, StatusCode::OK);
    }
    db.finish().await;
}
