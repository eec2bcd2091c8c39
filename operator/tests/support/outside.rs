//! Scripted replacements for the registry, the edge and the smoke checks in tests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crokodial_crds::names::{Digest, ImageRef};

use crokodial_operator::edge::{Edge, PlainHttpAnswer};
use crokodial_operator::registry::{Existence, Images, RegistryAuth, ResolveError};
use crokodial_operator::smoke::{Smoke, SmokePlan, SmokeResult, SmokeTarget};
use futures::future::BoxFuture;
use sha2::Digest as _;

/// Returns the digest that the scripted registry returns for an image by default.
pub fn digest_of(image: &str) -> String {
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(image)))
}

/// Scripted registry that has every image, unless a test changes this.
#[derive(Debug)]
pub struct ScriptedImages {
    answers: Mutex<BTreeMap<String, Result<String, ResolveError>>>,
    existence: Mutex<Existence>,
    asked: Mutex<Vec<String>>,
}

impl Default for ScriptedImages {
    fn default() -> Self {
        Self {
            answers: Mutex::default(),
            existence: Mutex::new(Existence::Exists),
            asked: Mutex::default(),
        }
    }
}

impl ScriptedImages {
    /// Creates a copy that answers in the same way and has not been asked yet.
    pub fn copy(&self) -> Self {
        Self {
            answers: Mutex::new(self.answers.lock().unwrap().clone()),
            existence: Mutex::new(*self.existence.lock().unwrap()),
            asked: Mutex::default(),
        }
    }

    /// Sets the digest that the registry returns for the tag of `image` from now on.
    pub fn moves(&self, image: &str, digest: &str) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(image.to_owned(), Ok(digest.to_owned()));
    }

    /// Makes the registry fail with `error` for `image` from now on.
    pub fn refuses(&self, image: &str, error: ResolveError) {
        self.answers
            .lock()
            .unwrap()
            .insert(image.to_owned(), Err(error));
    }

    /// Makes the registry return the default digest for `image` again.
    pub fn knows(&self, image: &str) {
        self.answers.lock().unwrap().remove(image);
    }

    /// Sets the result of all existence checks from now on.
    pub fn existence(&self, existence: Existence) {
        *self.existence.lock().unwrap() = existence;
    }

    /// Returns the images whose digests were requested, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Images for ScriptedImages {
    fn resolve(
        &self,
        _: String,
        image: ImageRef,
        _: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Result<Digest, ResolveError>> {
        let image = image.to_string();
        self.asked.lock().unwrap().push(image.clone());
        let scripted = self.answers.lock().unwrap().get(&image).cloned();
        let answer = scripted.unwrap_or_else(|| Ok(digest_of(&image)));
        Box::pin(async move { answer.map(|digest| digest.parse().unwrap()) })
    }

    fn exists(
        &self,
        _: String,
        _: ImageRef,
        _: Digest,
        _: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence> {
        let existence = *self.existence.lock().unwrap();
        Box::pin(async move { existence })
    }
}

/// Scripted edge that redirects every request to HTTPS.
#[derive(Debug, Default)]
pub struct ScriptedEdge;

impl Edge for ScriptedEdge {
    fn https_forced(&self, _: String, _: String) -> BoxFuture<'static, PlainHttpAnswer> {
        Box::pin(async { PlainHttpAnswer::Redirects { status: 308 } })
    }
}

/// Scripted smoke checks that pass for every candidate, unless a test changes this.
#[derive(Debug, Default)]
pub struct ScriptedSmoke {
    next: Mutex<Option<SmokeResult>>,
    asked: Mutex<Vec<(SmokeTarget, SmokePlan)>>,
}

impl ScriptedSmoke {
    /// Creates a copy that answers in the same way and has not been asked yet.
    pub fn copy(&self) -> Self {
        Self {
            next: Mutex::new(self.next.lock().unwrap().clone()),
            asked: Mutex::default(),
        }
    }

    /// Sets the result for every candidate from now on. With `None`, the checks pass.
    pub fn answers(&self, result: Option<SmokeResult>) {
        *self.next.lock().unwrap() = result;
    }

    /// Makes the checks fail with this message from now on.
    pub fn fails(&self, message: &str) {
        let message = message.to_owned();
        self.answers(Some(SmokeResult::Failed { message }));
    }

    /// Returns the targets and plans of all smoke checks so far, in order.
    pub fn asked(&self) -> Vec<(SmokeTarget, SmokePlan)> {
        self.asked.lock().unwrap().clone()
    }
}

impl Smoke for ScriptedSmoke {
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult> {
        self.asked.lock().unwrap().push((target, plan));
        let scripted = self.next.lock().unwrap().clone();
        let result = scripted.unwrap_or(SmokeResult::Passed {
            pages: 1,
            assets: 2,
        });
        Box::pin(async move { result })
    }
}
