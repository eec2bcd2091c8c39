//! Tests of the reaper. They are in a separate test binary, because the reaper also reaps the child processes of other
//! tests.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test crate is the report"
)]

use std::process::Stdio;
use std::time::Duration;

use crokodial_cluster::supervisor::reaper::Reaper;
use tokio::process::Command;

/// Returns the state of a process, such as `Z`; `None` if there is no such process.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn orphans_are_reaped_and_children_keep_their_status() {
    let reaper = Reaper::start().unwrap();
    tokio::spawn(reaper.clone().run());
    // The shell starts a background process, prints its id and exits, so that the process becomes an orphan.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "sh -c 'exec sleep 0.2' & echo $!; exit 7"])
        .stdout(Stdio::piped());
    let shell = reaper.spawn(&mut shell).unwrap();
    let id = i32::try_from(shell.id().unwrap()).unwrap();
    let output = shell.wait_with_output().await.unwrap();
    reaper.awaited(id);
    // The reaper did not take the exit status of the child from this test.
    assert_eq!(output.status.code(), Some(7));
    let orphan: i32 = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let gone = async {
        while state(orphan).is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap_or_else(|_| panic!("process {orphan} is {:?}", state(orphan)));
}
