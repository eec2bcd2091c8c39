//! The UI is built by npm into `ui/dist` and embedded. A clean clone has no such folder: development builds then
//! embed nothing (pages answer 503), builds for images set DIALER_REQUIRE_UI=1 and fail instead.

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
