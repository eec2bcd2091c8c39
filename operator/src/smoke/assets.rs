//! Finds the assets that an HTML page loads from its own site. Pure functions without I/O.
//!
//! A page with status 200 can still be blank if its scripts are missing. Assets are found by the rules of browsers
//! (`<base>`, relative and protocol-relative URLs, `srcset`). Assets on other sites are not included.

use std::collections::BTreeSet;

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};
use url::Url;

/// Maximum length of an asset's URL in bytes. Longer URLs are ignored, because servers reject such long request lines.
const MAX_URL: usize = 8 * 1024;

/// Kind of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssetKind {
    /// A script or module.
    Script,
    /// A style sheet.
    Style,
    /// An image or icon.
    Image,
}

impl AssetKind {
    /// Returns the name of the kind for use in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Style => "style sheet",
            Self::Image => "image",
        }
    }
}

/// File that a page loads from its own site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asset {
    /// Kind of the file.
    pub kind: AssetKind,
    /// Path and query of the file's URL.
    pub path: String,
}

/// Returns the scripts, style sheets, images and icons that the page `html` loads from its own site. `page` is the URL
/// of the page. Each asset is listed once, in the order of the page. At most `limit` assets are returned.
pub fn assets(html: &[u8], page: &Url, limit: usize) -> Vec<Asset> {
    let mut emitter = DefaultEmitter::default();
    // The text in `<script>` and `<style>` is not markup.
    emitter.naively_switch_states(true);
    let mut reading = Reading {
        page,
        base: None,
        templates: 0,
        known: BTreeSet::new(),
        found: Vec::new(),
        limit,
    };
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => reading.start(&tag),
            Token::EndTag(tag) if *tag.name == b"template" => {
                reading.templates = reading.templates.saturating_sub(1);
            }
            _ => {}
        }
        if reading.found.len() >= limit {
            break;
        }
    }
    reading.found
}

/// Returns the path and query of `target` if it has the same host as `page` and no port other than the default;
/// `None` otherwise. HTTP and HTTPS count as the same site, because TLS is terminated in front of the application.
pub fn on_site(target: &Url, page: &Url) -> Option<String> {
    let web = matches!(target.scheme(), "http" | "https");
    if !web || target.host_str() != page.host_str() || target.port().is_some() {
        return None;
    }
    let query = target.query().map(|q| format!("?{q}")).unwrap_or_default();
    Some(format!("{}{query}", target.path()))
}

struct Reading<'a> {
    page: &'a Url,
    /// URL of the first `<base>` element that has an `href`. Relative URLs after it are resolved against it.
    base: Option<Url>,
    /// Nesting depth of `<template>` elements, whose content browsers do not load.
    templates: usize,
    known: BTreeSet<String>,
    found: Vec<Asset>,
    limit: usize,
}

impl Reading<'_> {
    fn start(&mut self, tag: &StartTag<()>) {
        let name: &[u8] = &tag.name;
        if name == b"template" {
            self.templates = self.templates.saturating_add(1);
        }
        if self.templates > 0 {
            return;
        }
        match name {
            b"base" => self.rebase(tag),
            b"script" if is_script(tag) => self.attribute(tag, "src", AssetKind::Script),
            b"link" => self.link(tag),
            b"img" => {
                self.attribute(tag, "src", AssetKind::Image);
                self.candidates(tag, "srcset");
            }
            b"source" => self.candidates(tag, "srcset"),
            b"video" => self.attribute(tag, "poster", AssetKind::Image),
            b"input" if is(tag, "type", "image") => self.attribute(tag, "src", AssetKind::Image),
            _ => {}
        }
    }

    fn rebase(&mut self, tag: &StartTag<()>) {
        if self.base.is_none()
            && let Some(href) = value(tag, "href")
        {
            self.base = self.page.join(href.trim()).ok();
        }
    }

    fn link(&mut self, tag: &StartTag<()>) {
        let relation = value(tag, "rel").unwrap_or_default().to_ascii_lowercase();
        for word in relation.split_ascii_whitespace() {
            let kind = match word {
                "stylesheet" => AssetKind::Style,
                "icon" | "apple-touch-icon" | "apple-touch-icon-precomposed" | "mask-icon" => {
                    AssetKind::Image
                }
                "modulepreload" => AssetKind::Script,
                "preload" if is(tag, "as", "script") => AssetKind::Script,
                "preload" if is(tag, "as", "style") => AssetKind::Style,
                "preload" if is(tag, "as", "image") => {
                    self.candidates(tag, "imagesrcset");
                    AssetKind::Image
                }
                _ => continue,
            };
            self.attribute(tag, "href", kind);
        }
    }

    fn attribute(&mut self, tag: &StartTag<()>, name: &str, kind: AssetKind) {
        if let Some(text) = value(tag, name) {
            self.add(&text, kind);
        }
    }

    fn candidates(&mut self, tag: &StartTag<()>, name: &str) {
        for url in srcset(&value(tag, name).unwrap_or_default()) {
            self.add(url, AssetKind::Image);
        }
    }

    fn add(&mut self, text: &str, kind: AssetKind) {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_URL || self.found.len() >= self.limit {
            return;
        }
        let base = self.base.as_ref().unwrap_or(self.page);
        let Some(path) = base
            .join(text)
            .ok()
            .and_then(|url| on_site(&url, self.page))
        else {
            return;
        };
        if self.known.insert(path.clone()) {
            self.found.push(Asset { kind, path });
        }
    }
}

/// Returns true if a browser runs this `<script>` element. Browsers ignore the `src` of elements with other types, such
/// as data blocks and templates.
fn is_script(tag: &StartTag<()>) -> bool {
    let kind = value(tag, "type").unwrap_or_default().to_ascii_lowercase();
    matches!(kind.trim(), "" | "module")
        || kind.contains("javascript")
        || kind.contains("ecmascript")
}

fn is(tag: &StartTag<()>, name: &str, wanted: &str) -> bool {
    value(tag, name).is_some_and(|v| v.trim().eq_ignore_ascii_case(wanted))
}

fn value(tag: &StartTag<()>, name: &str) -> Option<String> {
    let found = tag.attributes.get(&HtmlString(name.as_bytes().to_vec()))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// Returns the URLs of a `srcset` attribute (HTML standard, "parse a srcset attribute"). A URL ends at white space, so
/// it may contain commas.
fn srcset(text: &str) -> Vec<&str> {
    let mut urls = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return urls;
        }
        let (url, behind) = rest.split_at(
            rest.find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(rest.len()),
        );
        urls.push(url.trim_end_matches(','));
        rest = if url.ends_with(',') {
            behind
        } else {
            behind_descriptors(behind)
        };
    }
}

/// Returns the rest of `text` from the first comma outside parentheses; empty if there is none.
fn behind_descriptors(text: &str) -> &str {
    let mut inside = false;
    for (at, character) in text.char_indices() {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => return text.get(at..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
#[path = "assets_tests.rs"]
mod tests;
