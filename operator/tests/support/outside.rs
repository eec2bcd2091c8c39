//! Scripted replacements for the registry, the edge and the smoke checks.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crokodial_crds::names::{Digest, ImageRef};

use crokodial_operator::edge::{Edge, PlainHttpAnswer};
use crokodial_operator::registry::{Existence, Images, RegistryAuth, ResolveError};
use crokodial_operator::smoke::{Smoke, SmokePlan, SmokeResult, SmokeTarget};
use futures::future::BoxFuture;
use sha2::Digest as _;

/// Digest that the scripted registry gives an image, unless a test changes it.
pub fn digest_of(image: &str) -> String {
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(image)))
}

/// A registry that knows every image, unless a test scripts otherwise.
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
    /// Sets the digest of the tag from now on.
    pub fn moves(&self, image: &str, digest: &str) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(image.to_owned(), Ok(digest.to_owned()));
    }

    /// Makes the registry refuse the image from now on.
    pub fn refuses(&self, image: &str, error: ResolveError) {
        self.answers
            .lock()
            .unwrap()
            .insert(image.to_owned(), Err(error));
    }

    /// Makes the registry know the image again.
    pub fn knows(&self, image: &str) {
        self.answers.lock().unwrap().remove(image);
    }

    /// Sets whether the registry has any digest, from now on.
    pub fn existence(&self, existence: Existence) {
        *self.existence.lock().unwrap() = existence;
    }

    /// The images that were requested, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Images for ScriptedImages {
    fn resolve(
        &self,
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
        _: ImageRef,
        _: Digest,
        _: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence> {
        let existence = *self.existence.lock().unwrap();
        Box::pin(async move { existence })
    }
}

/// An edge that redirects every request to HTTPS.
#[derive(Debug, Default)]
pub struct ScriptedEdge;

impl Edge for ScriptedEdge {
    fn https_forced(&self, _: String, _: String) -> BoxFuture<'static, PlainHttpAnswer> {
        Box::pin(async { PlainHttpAnswer::Redirects { status: 308 } })
    }
}

/// Smoke checks that pass for every candidate, unless a test scripts otherwise.
#[derive(Debug, Default)]
pub struct ScriptedSmoke {
    next: Mutex<Option<SmokeResult>>,
    asked: Mutex<Vec<(SmokeTarget, SmokePlan)>>,
}

impl ScriptedSmoke {
    /// Sets the result for every candidate from now on; `None`: the checks pass.
    pub fn answers(&self, result: Option<SmokeResult>) {
        *self.next.lock().unwrap() = result;
    }

    /// Makes the checks fail with this message from now on.
    pub fn fails(&self, message: &str) {
        let message = message.to_owned();
        self.answers(Some(SmokeResult::Failed { message }));
    }

    /// The targets and plans of all smoke checks so far, in order.
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
