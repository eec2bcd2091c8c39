//! Automatic promotion (`promotion.auto`): chooses the release of the source environment to promote. Pure functions
//! without I/O.
//!
//! Only a release that passes the gate is chosen, so a source release that is superseded before its soak ends does not
//! use up a release number of this environment. If several releases pass, the newest is chosen. Promotion therefore
//! continues even if the source environment changes more often than a soak takes.

use crokodial_crds::Reason;
use jiff::Timestamp;

use super::inputs::GateInputs;
use super::judge::judge;
use super::rules::Rules;
use super::source::{RequestedImage, Source, SourceRelease};
use super::verdict::GateVerdict;
use crate::release::record::Record;

/// Image that this environment must run.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// Promote this release of the source environment. It is newer than the last promoted one.
    Take(SourceRelease),
    /// Keep the image of this environment's newest release, because no newer release of the source environment passes
    /// the gate.
    Stay {
        /// Image reference of the newest release.
        image: String,
        /// Digest of the image: `sha256:…`.
        digest: String,
    },
    /// Run nothing, because this environment has no release yet and no release of the source environment passes the
    /// gate.
    Nothing,
}

/// Result of [`pick`]: the image to run, and the verdict on a newer image that must wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// Image that this environment must run.
    pub pick: Pick,
    /// Verdict on the newest Good release of the source environment that is newer than the last promoted one, if the
    /// gate does not let it pass. If the source environment is not there or has no Good release, so that nothing can be
    /// promoted, the verdict says so. `None` in all other cases.
    pub waits: Option<GateVerdict>,
}

/// Chooses the newest good release of the source environment that passes the gate and is newer than the last promoted
/// one. `unrecorded` and `pinned` are those of [`GateInputs`].
pub fn pick(
    rules: &Rules,
    records: &[Record],
    unrecorded: bool,
    source: &Source,
    pinned: Option<i64>,
    now: Timestamp,
) -> Picked {
    let last = last_promoted(rules, records, source);
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
                // The inputs hash is known only once a release is created; no record here has an empty one.
                inputs: "",
            },
            records,
            unrecorded,
            source,
            // A source that was made again may begin with an old image, which nobody chose for this environment.
            waives_since: source.began(),
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
    if !source.releases().iter().any(SourceRelease::good) {
        waits.get_or_insert_with(|| nothing(rules, source));
    }
    Picked { pick, waits }
}

/// Returns the largest number of a release that was promoted from the source environment; 0 if there is none.
///
/// A source that was deleted and made again counts its releases from 1, so what was promoted from the deleted one says
/// nothing about its numbers. The two are told apart by time and not by a UID: a record made before the source's numbers
/// began names a release of another count. So records of earlier versions need no further field, and a source whose
/// records outlived it (`deletionPolicy: Retain`), and which has another UID now, goes on with its count.
fn last_promoted(rules: &Rules, records: &[Record], source: &Source) -> i64 {
    let of_this_count = |r: &&Record| match (r.created, source.began()) {
        (Some(created), Some(began)) => created >= began,
        _ => true,
    };
    records
        .iter()
        .filter(of_this_count)
        .filter_map(|r| r.spec.promoted_from.as_ref())
        .filter(|p| p.environment == rules.source.name && p.namespace == rules.source.namespace)
        .map(|p| p.release)
        .max()
        .unwrap_or(0)
}

fn nothing(rules: &Rules, source: &Source) -> GateVerdict {
    source.absence(rules).unwrap_or_else(|| {
        let what = format!("no release of {} is good yet", rules.source);
        let newest = source.releases().iter().max_by_key(|r| r.number);
        if newest.is_none_or(|r| r.phase.is_none_or(|phase| !phase.is_final())) {
            return GateVerdict::waiting(Reason::SourceNotGood, what);
        }
        GateVerdict::refused(Reason::NotInSource, what)
    })
}
