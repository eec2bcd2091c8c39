use proptest::prelude::*;

use super::*;

fn at(page: &str, html: &str) -> Vec<String> {
    let page = Url::parse(page).unwrap();
    let found = assets(html.as_bytes(), &page, 100);
    let line = |a: Asset| format!("{} {}", a.kind.as_str(), a.path);
    found.into_iter().map(line).collect()
}

fn root(html: &str) -> Vec<String> {
    at("http://app.example.com/", html)
}

#[test]
fn a_page_as_vite_builds_it() {
    let html = r#"<!doctype html><html lang="en"><head>
        <meta charset="UTF-8"><title>Crokodial</title>
        <link rel="icon" type="image/svg+xml" href="/icon.svg">
        <link rel="apple-touch-icon" href="/touch.png">
        <script type="module" crossorigin src="/assets/index-DUe5.js"></script>
        <link rel="modulepreload" crossorigin href="/assets/vendor-9a.js">
        <link rel="stylesheet" crossorigin href="/assets/index-C2.css">
        </head><body><div id="root"></div><img src="/logo.png" alt=""></body></html>"#;
    assert_eq!(
        root(html),
        [
            "image /icon.svg",
            "image /touch.png",
            "script /assets/index-DUe5.js",
            "script /assets/vendor-9a.js",
            "style sheet /assets/index-C2.css",
            "image /logo.png",
        ]
    );
}

#[test]
fn urls_are_read_as_a_browser_reads_them() {
    for (url, path) in [
        ("a.js", Some("/shop/a.js")),
        ("./a.js", Some("/shop/a.js")),
        ("../a.js", Some("/a.js")),
        ("../../../a.js", Some("/a.js")),
        ("/a.js?v=1&amp;w=2#x", Some("/a.js?v=1&w=2")),
        ("?v=1", Some("/shop/page?v=1")),
        ("  /a.js \n", Some("/a.js")),
        ("/a b.js", Some("/a%20b.js")),
        ("\\a.js", Some("/a.js")),
        ("//app.example.com/a.js", Some("/a.js")),
        ("https://app.example.com/a.js", Some("/a.js")),
        ("https://app.example.com:443/a.js", Some("/a.js")),
        ("HTTPS://APP.example.COM/a.js", Some("/a.js")),
        ("https://app.example.com:8443/a.js", None),
        ("//cdn.example.com/a.js", None),
        ("/\\cdn.example.com/a.js", None),
        ("https://app.example.com.evil.example/a.js", None),
        ("https://app.example.com@evil.example/a.js", None),
        ("http://169.254.169.254/latest", None),
        ("data:text/javascript,1", None),
        ("blob:https://app.example.com/1", None),
        ("javascript:1", None),
        ("file:///etc/passwd", None),
        ("http://[", None),
        ("", None),
    ] {
        let found = at(
            "http://app.example.com/shop/page",
            &format!("<script src=\"{url}\"></script>"),
        );
        let expected: Vec<String> = path.iter().map(|p| format!("script {p}")).collect();
        assert_eq!(found, expected, "{url}");
    }
}

#[test]
fn the_first_base_counts_for_what_follows_it() {
    let html = r#"<script src="before.js"></script><base target="_blank"><base href="/static/"><base href="/no/">
        <script src="a.js"></script><script src="/b.js"></script>"#;
    assert_eq!(
        root(html),
        ["script /before.js", "script /static/a.js", "script /b.js"]
    );
    let elsewhere = r#"<base href="https://cdn.example.com/"><img src="a.png"><img src="//app.example.com/b.png">"#;
    assert_eq!(root(elsewhere), ["image /b.png"]);
}

#[test]
fn every_image_of_a_srcset_is_named() {
    let html = r#"<picture><source srcset="a.webp, b.webp 2x,c.webp 3x"><img src="d.png"
        srcset="data:image/png;base64,AA== 1x, e,f.png 100w, g.png calc(1px, 2px), h.png,"></picture>
        <link rel="preload" as="image" imagesrcset="i.png 1x">"#;
    let paths = [
        "a.webp", "b.webp", "c.webp", "d.png", "e,f.png", "g.png", "h.png", "i.png",
    ];
    assert_eq!(root(html), paths.map(|p| format!("image /{p}")));
}

#[test]
fn what_a_browser_does_not_load_is_left_out() {
    let html = r#"<!-- <script src="/comment.js"></script> -->
        <script>document.write('<script src="/written.js">')</script>
        <style>/* <img src="/style.png"> */</style>
        <textarea><img src="/text.png"></textarea><title><img src="/title.png"></title>
        <noscript><img src="/noscript.png"></noscript>
        <template><img src="/{{template}}.png"><template></template><img src="/inner.png"></template>
        <script type="application/json" src="/data.json"></script>
        <script type="importmap" src="/map.json"></script>
        <link rel="canonical" href="/canonical"><link rel="preload" as="fetch" href="/api/me"><link href="/none">
        <a href="/page"></a><img alt="none"><img src=""><img src="/after.png">"#;
    assert_eq!(root(html), ["image /after.png"]);
}

#[test]
fn tag_soup_hides_nothing() {
    let html = "<SCRIPT SRC=/upper.js></SCRIPT><script src='/single.js'/></script><img src=/a.png/><LINK REL='Shortcut ICON' HREF=/i.ico><body><p><script src=\"/open.js\">";
    assert_eq!(
        root(html),
        [
            "script /upper.js",
            "script /single.js",
            "image /a.png/",
            "image /i.ico",
            "script /open.js"
        ]
    );
}

#[test]
fn each_once_and_not_more_than_asked_for() {
    let twice = "<img src=/a.png><img src=/a.png#x><img src=/b.png><img srcset='/c.png, /d.png'>";
    let page = Url::parse("http://app.example.com/").unwrap();
    assert_eq!(assets(twice.as_bytes(), &page, 3).len(), 3);
    assert_eq!(assets(twice.as_bytes(), &page, 100).len(), 4);
    let long = format!("<img src='/{}'>", "x".repeat(MAX_URL));
    assert_eq!(root(&long), Vec::<String>::new());
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_asset_is_elsewhere(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let page = Url::parse("http://app.example.com/").unwrap();
        for asset in assets(&bytes, &page, 10) {
            prop_assert!(asset.path.starts_with('/'));
        }
    }

    #[test]
    fn no_url_panics_or_leads_elsewhere(url in "[a-z/\\\\:@.?# ,%\\[\\]0-9-]{0,40}", base in "[a-z/\\\\:@.]{0,20}") {
        let html = format!("<base href=\"{base}\"><img src=\"{url}\" srcset=\"{url}\">");
        let page = Url::parse("http://app.example.com/").unwrap();
        for asset in assets(html.as_bytes(), &page, 10) {
            let target: http::Uri = asset.path.parse().unwrap();
            prop_assert!(target.host().is_none() && asset.path.starts_with('/'), "{}", asset.path);
        }
    }
}
