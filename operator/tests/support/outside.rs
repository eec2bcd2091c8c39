//! What answers from outside the cluster, scripted.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crokodial_crds::names::{Digest, ImageRef};

use crokodial_operator::edge::{Edge, Measured};
use crokodial_operator::registry::{Existence, Images, RegistryAuth, ResolveError};
use crokodial_operator::smoke::{Smoke, SmokePlan, SmokeResult, SmokeTarget};
use futures::future::BoxFuture;
use sha2::Digest as _;

/// The digest that the registry gives an image unless it is scripted otherwise.
pub fn digest_of(image: &str) -> String {
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(image)))
}

/// A registry that knows every image, but for what a test scripts.
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
    /// From now on the tag names this digest.
    pub fn moves(&self, image: &str, digest: &str) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(image.to_owned(), Ok(digest.to_owned()));
    }

    /// From now on the registry refuses the image.
    pub fn refuses(&self, image: &str, error: ResolveError) {
        self.answers
            .lock()
            .unwrap()
            .insert(image.to_owned(), Err(error));
    }

    /// From now on the registry knows the image again.
    pub fn knows(&self, image: &str) {
        self.answers.lock().unwrap().remove(image);
    }

    /// What the registry says of every digest.
    pub fn existence(&self, existence: Existence) {
        *self.existence.lock().unwrap() = existence;
    }

    /// The images that were asked for, in order.
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

/// An edge that redirects every request to https.
#[derive(Debug, Default)]
pub struct ScriptedEdge;

impl Edge for ScriptedEdge {
    fn https_forced(&self, _: String, _: String) -> BoxFuture<'static, Measured> {
        Box::pin(async { Measured::Redirects { status: 308 } })
    }
}

/// Candidates that answer everything, but for what a test scripts.
#[derive(Debug, Default)]
pub struct ScriptedSmoke {
    next: Mutex<Option<SmokeResult>>,
    asked: Mutex<Vec<(SmokeTarget, SmokePlan)>>,
}

impl ScriptedSmoke {
    /// From now on every candidate answers so; `None`: as it should.
    pub fn answers(&self, result: Option<SmokeResult>) {
        *self.next.lock().unwrap() = result;
    }

    /// From now on a page is missing.
    pub fn fails(&self, message: &str) {
        let message = message.to_owned();
        self.answers(Some(SmokeResult::Failed { message }));
    }

    /// What was asked of whom, in order.
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
