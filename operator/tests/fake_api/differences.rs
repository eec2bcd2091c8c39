//! What the fake does not share with a real server, and why it is left so. Every other case runs on both.
//!
//! | the fake | a real server | why it is left |
//! |---|---|---|
//! | keeps unknown fields of built-in types | drops them, and refuses an apply of them | it would need the schemas of all types; k8s-openapi's types know no others |
//! | creates in any namespace | answers 404 where the namespace does not exist | the operator makes no namespace, and its tests would each have to |
//! | names the first invalid field | names all of them | the operator reads the code and shows the message |
//! | merges a strategic patch as an apply, without directives | knows `$patch`, `$retainKeys`, … | only kubectl sends them |
//! | collects garbage within the write | does so a moment later | each test would have to wait; the cases wait on a real server |
//! | gives any number of watch events again until `compact()` | forgets the oldest when its cache is full | a test decides when |

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
