//! Tests of crdgen, mainly that the generated files in the repository are up to date.

use std::process::Command;

fn crdgen(argument: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_crdgen"))
        .arg(argument)
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn nothing_generated_is_out_of_date() {
    let (ok, words) = crdgen("--check");
    assert!(ok, "{words}");
}

#[test]
fn an_unknown_argument_is_named() {
    let (ok, words) = crdgen("--chekc");
    assert!(
        !ok && words.contains("--chekc") && words.contains("--check or nothing"),
        "{words}"
    );
}
