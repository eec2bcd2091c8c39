//! Invariants of every state, and of the state that is reached once all obstacles are removed.

use crokodial_crds::ReleasePhase;

use super::{Act, State, at};
use crate::release::decision::{Decision, Run};
use crate::release::history::{self, Retention};
use crate::release::machine::{decide, hold, pin};
use crate::release::record::{Record, last_good};

impl State {
    pub(super) fn check(&self, before: &Self, decision: &Decision) {
        let context = || format!("{:?} → {:?}\n{decision:#?}", before.phases(), self.phases());
        let under_way = self.records.iter().filter(|r| r.in_flight()).count();
        assert!(under_way <= 1, "two under way: {}", context());
        for (old, new) in before.records.iter().zip(&self.records) {
            assert!(
                !old.good() || new.good(),
                "Good is permanent: {}",
                context()
            );
            assert!(
                !old.failed() || new.failed(),
                "a verdict stands: {}",
                context()
            );
            let entered = old.phase() != Some(ReleasePhase::Candidate)
                && new.phase() == Some(ReleasePhase::Candidate);
            assert!(
                !entered || (before.gate && before.credentials) || passed(old),
                "past a closed gate: {}",
                context()
            );
        }
        if let Some(spec) = &decision.create {
            assert!(
                before.snapshots.iter().all(|n| *n < spec.number),
                "a number twice: {}",
                context()
            );
            assert!(
                before.decide(hold).is_none(),
                "held inputs were made: {}",
                context()
            );
        }
        self.check_what_runs(before, decision, &context);
        let kept = history::retired(
            &self.records,
            Retention {
                releases: 0,
                days: 0,
            },
            &[],
            at(self.now),
        );
        let good = last_good(&self.records).map(Record::number);
        assert!(
            kept.iter().all(|n| Some(*n) != good),
            "the last good record goes: {}",
            context()
        );
    }

    fn check_what_runs(&self, before: &Self, decision: &Decision, context: &dyn Fn() -> String) {
        if let Some(pin) = before.decide(pin) {
            assert_eq!(
                decision.run,
                Run::Release(pin.release),
                "a pin is undone: {}",
                context()
            );
        }
        let unrecorded = before.unrecorded();
        if unrecorded.is_some() && before.decide(pin).is_none() {
            let good = last_good(&before.records);
            let asked_for = good.is_some_and(|r| r.spec.inputs == before.inputs);
            let rolling = before.records.iter().any(|r| {
                let phase = r.phase();
                phase == Some(ReleasePhase::Rolling) || phase == Some(ReleasePhase::Baking)
            });
            assert!(
                asked_for || rolling || decision.run == unrecorded.map_or(Run::Keep, Run::Release),
                "rolled back without being asked to: {}",
                context()
            );
        }
        if let Run::Release(n) = decision.run
            && unrecorded != Some(n)
        {
            let record = before.records.iter().find(|r| r.number() == n).unwrap();
            let rolls = matches!(
                record.phase(),
                Some(ReleasePhase::Rolling | ReleasePhase::Baking)
            );
            assert!(
                record.good() || rolls,
                "{n} runs without being asked to: {}",
                context()
            );
        }
        if last_good(&before.records).is_some() {
            assert!(
                !matches!(decision.run, Run::Zero(_)),
                "the site goes down: {}",
                context()
            );
        }
    }

    /// Removes all obstacles, lets time pass, and checks that the state has settled. No further writes may be needed.
    /// The wanted release must be Good and run, or it must be held while the last good release runs.
    pub(super) fn calm(&mut self) {
        self.gate = true;
        self.credentials = true;
        self.step(Act::Unpin);
        for _ in 0..40 {
            self.step(Act::Reconcile);
            self.step(Act::World);
            self.step(Act::Leap);
        }
        let decision = self.decide(decide);
        assert_eq!(
            (&decision.updates, &decision.create),
            (&vec![], &None),
            "{:?}",
            self.phases()
        );
        if let Some(good) = last_good(&self.records) {
            let held = self.decide(hold).is_some();
            let left = held && self.unrecorded().is_some();
            assert!(
                left || self.deployed.0 == Some(good.number()),
                "{:?}",
                self.phases()
            );
            assert!(
                held || good.spec.inputs == self.inputs,
                "{:?} wants {}",
                self.phases(),
                self.inputs
            );
        }
    }
}

fn passed(record: &Record) -> bool {
    use ReleasePhase as P;
    matches!(
        record.phase(),
        Some(P::Preflight | P::ReleasePhase | P::Candidate)
    )
}
