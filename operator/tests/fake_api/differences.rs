//! The known differences between the fake and a real server, and why each is accepted. The test cases that depend on
//! none of them run on both servers.
//!
//! | the fake | a real server | why the difference is accepted |
//! |---|---|---|
//! | keeps unknown fields of built-in types | drops unknown fields, and refuses an apply with one | needs the schemas of all types; k8s-openapi's types cannot express unknown fields |
//! | creates objects in any namespace | answers 404 if the namespace does not exist | every operator test would have to create its namespace |
//! | reports the first invalid field | reports all invalid fields | the operator uses only the code, and shows the message as it is |
//! | merges a strategic merge patch like an apply | also supports `$patch`, `$retainKeys`, … | only kubectl sends these directives |
//! | collects garbage during the write | collects garbage a moment later | tests need not wait; on a real server the cases wait |
//! | replays all watch events since the last `compact()` | discards the oldest events if its cache is full | a test decides when events are discarded |

/// The reason why a case runs only on the fake: it uses a feature that a real server does not have.
#[derive(Debug, Clone, Copy)]
pub enum FakeOnly {
    /// Injected faults: at the n-th call, crashes of a client, held requests.
    Faults,
    /// The record of calls, `unexpected()`, and removal of types.
    Records,
    /// `World::step` and the scripted behaviour of pods and Jobs.
    Controllers,
    /// `end_watches()` and `compact()`, which simulate a restart of the server.
    Restarts,
    /// The two validation rules of the project's own types that the fake implements without CEL.
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
