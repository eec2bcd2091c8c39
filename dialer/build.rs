//! Build script that ensures that `ui/dist`, the directory of embedded UI files, exists. If npm has not built the UI,
//! the server returns 503 for pages. With `DIALER_REQUIRE_UI=1`, which image builds set, compilation fails instead.

use std::path::Path;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-env-changed=DIALER_REQUIRE_UI");
    let dist = Path::new("ui/dist");
    std::fs::create_dir_all(dist)
        .map_err(|error| format!("cannot create dialer/ui/dist: {error}"))?;
    let required = std::env::var("DIALER_REQUIRE_UI").is_ok_and(|value| value == "1");
    if required && !dist.join("index.html").is_file() {
        return Err("dialer/ui/dist/index.html is missing: run `make ui` first".to_owned());
    }
    Ok(())
}
