//! `promotion.auto`: the release of the source that is promoted automatically. Pure.
//!
//! A release is taken only once it passes the gate, so one that is superseded before it has soaked uses no number here;
//! and the newest that passes is taken, so a source that moves faster than the soak does not starve this environment.

use crokodial_crds::Reason;
use jiff::Timestamp;

use super::inputs::GateInputs;
use super::judge::judge;
use super::rules::Rules;
use super::source::{RequestedImage, Source, SourceRelease};
use super::verdict::GateVerdict;
use crate::release::record::Record;

/// The image to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// A new release of the source.
    Take(SourceRelease),
    /// The last release here; nothing newer passes.
    Stay {
        /// The image by its name in the source.
        image: String,
        /// Its digest.
        digest: String,
    },
    /// Nothing was ever released here, and nothing passes.
    Nothing,
}

/// Result of [`pick`].
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// The image to run.
    pub pick: Pick,
    /// Why the newest good release of the source is not taken, where that is so.
    pub waits: Option<GateVerdict>,
}

/// Picks the newest good release of the source above the last promoted one that passes the gate.
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
        let verdict = judge(&GateInputs {
            rules,
            requested: RequestedImage {
                image: &candidate.image,
                digest: &candidate.digest,
                // Known only once a release is made of the image; no record here has empty inputs.
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

fn nothing(rules: &Rules, source: &Source) -> GateVerdict {
    source.absence(rules).unwrap_or_else(|| {
        let what = format!("no release of {} is good yet", rules.source);
        GateVerdict::refused(Reason::NotInSource, what)
    })
}
