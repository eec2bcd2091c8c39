//! What the fake does not share with a real server, and why it is left so. Everything else is tried on both.

/// Why a case runs on the fake alone.
#[derive(Debug, Clone, Copy)]
pub enum FakeOnly {
    /// Faults at the n-th call, crashes of a client, held requests.
    Faults,
    /// The record of calls, `unexpected()`, types that are taken away.
    Records,
    /// `World::step` and its scripts of pods and Jobs.
    Controllers,
    /// `end_watches()` and `compact()`.
    Restarts,
    /// The two rules of our own types that the fake checks without CEL.
    OwnTypes,
}

impl FakeOnly {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Faults => {
                "a real server cannot be told to fail at one call; the trials kill its clients instead"
            }
            Self::Records => "a real server keeps no record that a test may read",
            Self::Controllers => {
                "the real controllers need images, nodes and minutes; the trials run the product on them"
            }
            Self::Restarts => {
                "the server under the trials must not be restarted or compacted for one test"
            }
            Self::OwnTypes => {
                "the real rules are CEL: crds/tests/rules.rs runs them all, the trial of the schema asks a real server"
            }
        }
    }
}
