//! Findings while the operator writes nothing of an environment: its spec suspends it, or a name that it needs is taken.
//! A plan that is not carried out must not be reported as if it were. All functions are pure.

use crokodial_crds::{ConditionStatus, Reason, RouteKind};

use super::inputs::StatusInputs;
use crate::environment::credential_check::attempt::Attempt;
use crate::environment::credentials::Active;
use crate::environment::finding::Finding;
use crate::environment::model::objects::carries;
use crate::release::machine::Rollout;
use k8s_openapi::api::core::v1::Secret;

/// Cause for which nothing of the environment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// The spec suspends the operator.
    Suspended,
    /// An object that the operator did not create has a name that it needs.
    NameConflict,
}

impl Withheld {
    /// Returns the cause; `None` if the environment is written.
    pub(super) fn of(facts: StatusInputs<'_>) -> Option<Self> {
        if facts.valid.conflict.is_some() {
            Some(Self::NameConflict)
        } else {
            facts.effective.suspended().then_some(Self::Suspended)
        }
    }

    fn reason(self) -> Reason {
        match self {
            Self::Suspended => Reason::Suspended,
            Self::NameConflict => Reason::NameConflict,
        }
    }

    fn until(self) -> &'static str {
        match self {
            Self::Suspended => "while spec.suspend is set",
            Self::NameConflict => "while a name that it needs is taken",
        }
    }

    fn unknown(self, what: &str) -> Finding {
        Finding::unknown(self.reason(), format!("{what} {}", self.until()))
    }

    /// Returns the finding for condition `CredentialsValid`.
    pub(super) fn credentials(self, facts: StatusInputs<'_>) -> Finding {
        let finding = &facts.valid.mongo.finding;
        let attempts = &facts.observed.attempts;
        let checking = finding.reason == Reason::PreflightRunning;
        if checking && !attempts.iter().any(Attempt::is_running) {
            return self.unknown("the connection string is not checked");
        }
        let live = facts.observed.children.mongo_active();
        self.unless_new(
            finding,
            &facts.valid.mongo,
            live,
            "the new connection string",
        )
    }

    /// Returns the finding for condition `ConfigSecretsValid`. `finding` is the one without this cause.
    pub(super) fn config(self, facts: StatusInputs<'_>, finding: &Finding) -> Finding {
        let trying = finding.reason == Reason::CandidateRunning;
        if trying && facts.observed.trials.pods.is_empty() {
            return self.unknown("the newest values of config.secretRefs are not tested");
        }
        let live = facts.observed.children.config_active();
        let active = &facts.valid.config.active;
        self.unless_new(
            finding,
            active,
            live,
            "the newest values of config.secretRefs",
        )
    }

    /// Returns `finding`, unless it reports content that pods do not get, because it is not copied.
    fn unless_new(
        self,
        finding: &Finding,
        active: &Active,
        live: Option<&Secret>,
        what: &str,
    ) -> Finding {
        let planned = active.advance.as_ref();
        let is_new = planned.is_some_and(|data| live.and_then(|s| s.data.as_ref()) != Some(data));
        let empty = planned.is_some_and(|data| data.is_empty());
        if finding.is_true() && is_new && !empty {
            self.unknown(&format!(
                "{what} passed its check, and is not given to pods"
            ))
        } else {
            finding.clone()
        }
    }

    /// Returns the finding for condition `RouteAccepted`.
    pub(super) fn route(self, facts: StatusInputs<'_>) -> Finding {
        let finding = &facts.valid.route.finding;
        let domain = &facts.environment.spec.domain;
        let wanted = match facts.effective.route {
            RouteKind::Ingress => facts.valid.route.write,
            RouteKind::None => false,
        };
        let live = facts.observed.children.ingress();
        match self {
            Self::Suspended if wanted && !live.is_some_and(|i| carries(i, domain)) => Finding::no(
                Reason::Suspended,
                format!(
                    "there is no Ingress for {domain}, and none is written {}",
                    self.until()
                ),
            ),
            _ => finding.clone(),
        }
    }

    /// Returns the finding for condition `RolledOut`. `finding` is the one without this cause.
    pub(super) fn rolled_out(self, facts: StatusInputs<'_>, finding: Finding) -> Finding {
        let step = facts.step;
        if step.decision.create.is_some() {
            let what = "the release that the spec asks for is not made";
            return Finding::no(self.reason(), format!("{what} {}", self.until()));
        }
        match &step.decision.rollout {
            Rollout::Gated { release: n, .. }
            | Rollout::OnTrial(n, _)
            | Rollout::Progressing(n)
            | Rollout::Blocked(n, _)
            | Rollout::Baking(n, _) => {
                self.unknown(&format!("release {n} is under way, and is left as it is"))
            }
            Rollout::NeverDeployed
            | Rollout::Complete(_)
            | Rollout::Held(_)
            | Rollout::Pinned(_) => finding,
        }
    }

    /// Returns the finding for condition `GitDiverged`. `finding` is the one without this cause.
    pub(super) fn diverged(self, facts: StatusInputs<'_>, finding: Finding) -> Finding {
        let differs = facts.step.decision.create.is_some();
        if finding.status == ConditionStatus::False && differs {
            let what =
                "the spec asks for another release than the one that runs, and nothing is changed";
            return Finding::yes(self.reason(), format!("{what} {}", self.until()));
        }
        finding
    }

    /// Returns the finding for condition `Available` if the site cannot answer, because its Service does not exist;
    /// otherwise `None`.
    pub(super) fn available(self, facts: StatusInputs<'_>) -> Option<Finding> {
        let there = facts.observed.children.service().is_some();
        let serves = facts.step.serving.is_some() && facts.step.workload.available > 0;
        (!there && serves).then(|| {
            let what = "pods are ready, but no request reaches them: their Service does not exist, and none is written";
            Finding::no(Reason::Down, format!("{what} {}", self.until()))
        })
    }
}
