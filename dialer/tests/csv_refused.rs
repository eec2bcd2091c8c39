//! Tests of uploads that break off or are rejected, completely or in part, against a MongoDB-compatible database.

use crate::support::app;
use crate::support::files::{
    all, counts, file, head, leads_of, request, silent_after, slow, tail, upload,
};
use crate::support::mongo::scratch;
use crate::support::people::{OPEN, Person};
use axum::body::{Body, Bytes};
use bson::doc;
use http::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_refuses_the_file_or_is_left_out() {
    let Some(db) = scratch("a_row_that_cannot_be_read_refuses_the_file_or_is_left_out").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let file = b"leadID,primaryPhone,email\n1,5550120001,bad\n2,\xff,\n3,,\n4,,a@b\n";
    let all_or_none = upload(&app, &rep, "", file).await;
    assert_eq!(all_or_none.status, StatusCode::BAD_REQUEST);
    let refused = all_or_none.json();
    assert_eq!(
        (
            &refused["success"],
            &refused["code"],
            &refused["errors"][0]["field"]
        ),
        (&json!(false), &json!("INVALID_FILE"), &json!("row 3"))
    );
    assert_eq!(leads_of(&db, rep.id).await, []);
    let partial = upload(&app, &rep, "?mode=partial", file).await.json();
    assert_eq!(counts(&partial), [2, 0, 0, 2, 1, 1], "{partial}");
    assert_eq!(
        (&partial["vendor"], &partial["warningCount"]),
        (&json!("Marketplace"), &json!(3))
    );
    assert_eq!(partial["warnings"][0]["row"], 2);
    assert_eq!(partial["warnings"][0]["column"], "email");
    let stored = leads_of(&db, rep.id).await;
    let first = stored
        .iter()
        .find(|l| l.get_str("leadId") == Ok("1"))
        .unwrap();
    assert_eq!(
        (first.get_str("email"), first.get_str("source")),
        (Ok(""), Ok("Marketplace"))
    );
    let kept = first
        .get_document("notesMetadata")
        .unwrap()
        .get_document("originalCSVData")
        .unwrap();
    assert_eq!(
        kept.get_str("email"),
        Ok("bad"),
        "what was dropped is kept as it came"
    );
    db.finish().await;
}

/// Returns files that must be rejected, each with a description, its content, and the status and error code of the
/// expected response.
fn hostile() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let known = |rest: &[u8]| [b"leadID,email\n1,a@b\n", rest].concat();
    let megabytes = |n: usize, byte: u8| vec![byte; n * 1024 * 1024];
    let commas = vec![b','; 1_000_000];
    let open_quote = [b"\"".to_vec(), megabytes(3, b'\n')].concat();
    let invalid = [
        ("one line of 40 MB", known(&megabytes(40, b'x'))),
        ("a header of 40 MB", megabytes(40, b'x')),
        ("a million columns", known(&commas)),
        ("a header of a million columns", commas),
        ("no text", known(b"\xff\xfe,\n")),
        ("an open quote", known(b"2,\"a@b\n3,c@d\n")),
        ("an open quote over 3 MB", known(&open_quote)),
        ("15,001 rows", known(&b"2,a@b\n".repeat(15_000))),
        ("nothing", Vec::new()),
    ];
    let invalid = invalid.map(|(what, file)| (what, file, 400, "INVALID_FILE"));
    let mut all = Vec::from(invalid);
    let unknown = b"a,$b\n1,2\n".to_vec();
    all.push(("no vendor", unknown, 400, "UNKNOWN_VENDOR"));
    let large = known(&megabytes(51, b'\n'));
    all.push(("51 MB", large, 413, "BODY_TOO_LARGE"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_are_refused_and_leave_nothing_behind() {
    let Some(db) = scratch("hostile_files_are_refused_and_leave_nothing_behind").await else {
        return;
    };
    let spool = tempfile::tempdir().unwrap();
    let settings = [OPEN[0], ("SPOOL_DIR", spool.path().to_str().unwrap())];
    let app = app(&db.uri, &settings);
    let rep = Person::registered(&app, "rep@example.com").await;
    for (what, file, status, code) in hostile() {
        // Errors that concern one row do not refuse the file in partial mode.
        let one_row = ["a million columns", "no text"].contains(&what);
        let modes: &[&str] = if one_row {
            &[""]
        } else {
            &["", "?mode=partial"]
        };
        for mode in modes {
            let answer = upload(&app, &rep, mode, &file).await;
            assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
            assert_eq!(answer.json()["code"], code, "{what}");
        }
    }
    let unknown = upload(&app, &rep, "", b"a,$b\n1,2\n").await;
    assert!(
        unknown.json()["message"]
            .as_str()
            .unwrap()
            .contains("a, $b")
    );
    let other = [head("other", "x.csv"), tail()].concat();
    let text = [head("file", "x.txt"), "leadID\n1".to_owned(), tail()].concat();
    let two = [
        head("file", "x.csv"),
        format!("leadID\n1\r\n{}", head("file", "y.csv")),
        tail(),
    ]
    .concat();
    for (what, body, status) in [
        ("no file", other, 400),
        ("a text", text, 415),
        ("two files", two, 400),
        ("no form", String::new(), 400),
    ] {
        let answer = crate::support::send(&app.router, request(&rep, "", Body::from(body))).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
    }
    let plain = rep
        .ask(Method::POST, "/api/csv-upload", Some(&json!({})))
        .await;
    assert_eq!(plain.json()["errors"][0]["field"], "file");
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    assert_eq!(all(&db, "csvimports", doc! {}).await, []);
    assert_eq!(leads_of(&db, rep.id).await, []);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_break_off_leave_their_place_and_no_file() {
    let Some(db) = scratch("uploads_that_break_off_leave_their_place_and_no_file").await else {
        return;
    };
    let spool = tempfile::tempdir().unwrap();
    let settings = [OPEN[0], ("SPOOL_DIR", spool.path().to_str().unwrap())];
    let app = app(&db.uri, &settings);
    let rep = Person::registered(&app, "rep@example.com").await;
    let half = Bytes::from(head("file", "a.csv") + &file(0..2, "spring"));
    let (sender, body) = slow();
    sender.unbounded_send(Ok(half.clone())).unwrap();
    sender
        .unbounded_send(Err(std::io::Error::other("gone")))
        .unwrap();
    let broken = crate::support::send(&app.router, request(&rep, "", body)).await;
    assert_eq!(
        (broken.status, &broken.json()["code"]),
        (StatusCode::BAD_REQUEST, &json!("INVALID_BODY"))
    );
    // Two clients take both slots, stop sending, and then disconnect.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let (read, body) = silent_after(half.clone());
        let (router, request) = (app.router.clone(), request(&rep, "", body));
        waiting.push(tokio::spawn(async move {
            crate::support::send(&router, request).await
        }));
        read.await.unwrap();
    }
    let refused = upload(&app, &rep, "?dryRun=true", file(0..1, "spring").as_bytes()).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("BUSY"))
    );
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    for task in waiting {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let after = upload(&app, &rep, "", file(0..1, "spring").as_bytes()).await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text);
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    assert_eq!(leads_of(&db, rep.id).await.len(), 1);
    db.finish().await;
}
