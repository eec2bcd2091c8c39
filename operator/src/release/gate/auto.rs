//! `promotion.auto`: which release of the source is taken without anybody asking. Pure.
//!
//! A release is taken only once it passes, so none that is overtaken before it has soaked spends a number here,
//! and the newest that passes is taken, so a source that moves faster than the soak does not starve this one.

use crokodial_crds::Reason;
use jiff::Timestamp;

use super::{Asked, Question, Rules, Source, SourceRelease, Verdict, judge};
use crate::release::record::Record;

/// What there is to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// A new release of the source.
    Take(SourceRelease),
    /// What was last released here; nothing newer passes.
    Stay {
        /// The image by its name there.
        image: String,
        /// Its digest.
        digest: String,
    },
    /// Nothing was ever released here, and nothing passes.
    Nothing,
}

/// The answer of [`pick`].
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// What to run.
    pub pick: Pick,
    /// Why the newest good release of the source is not taken, where it is not.
    pub waits: Option<Verdict>,
}

/// Looks for the newest good release of the source, above the last one promoted, that passes.
pub fn pick(
    rules: &Rules,
    records: &[Record],
    source: &Source,
    pinned: Option<i64>,
    now: Timestamp,
) -> Picked {
    let last = last_promoted(rules, records);
    let mut candidates: Vec<&SourceRelease> = source
        .releases()
        .iter()
        .filter(|r| r.good() && r.number > last)
        .collect();
    candidates.sort_by_key(|r| std::cmp::Reverse(r.number));
    let mut waits = None;
    for candidate in candidates {
        let verdict = judge(&Question {
            rules,
            asked: Asked {
                image: &candidate.image,
                digest: &candidate.digest,
                // They belong to what is made of it later; none of those here are those of a candidate.
                inputs: "",
            },
            records,
            source,
            pinned,
            now,
        });
        if verdict.passes() {
            let pick = Pick::Take(candidate.clone());
            return Picked { pick, waits };
        }
        waits.get_or_insert(verdict);
    }
    let newest = records.iter().max_by_key(|r| r.number());
    let pick = newest.map_or(Pick::Nothing, |r| Pick::Stay {
        image: r.spec.image.clone(),
        digest: r.spec.digest.clone(),
    });
    if pick == Pick::Nothing {
        waits.get_or_insert_with(|| nothing(rules, source));
    }
    Picked { pick, waits }
}

fn last_promoted(rules: &Rules, records: &[Record]) -> i64 {
    records
        .iter()
        .filter_map(|r| r.spec.promoted_from.as_ref())
        .filter(|p| p.environment == rules.source.name && p.namespace == rules.source.namespace)
        .map(|p| p.release)
        .max()
        .unwrap_or(0)
}

fn nothing(rules: &Rules, source: &Source) -> Verdict {
    source.absence(rules).unwrap_or_else(|| {
        let what = format!("no release of {} is good yet", rules.source);
        Verdict::refused(Reason::NotInSource, what)
    })
}
