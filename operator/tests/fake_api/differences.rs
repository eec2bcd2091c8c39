//! Known differences between the fake API server and a real one, with the reason why each is accepted. Test cases that
//! depend on none of them run on both servers.
//!
//! | fake server | real server | reason |
//! |---|---|---|
//! | keeps unknown fields of built-in types | drops them; rejects them in an apply | needs the schemas of all types |
//! | creates objects in any namespace | responds 404 without the namespace | operator tests create no namespaces |
//! | reports the first invalid field | reports all invalid fields | the operator uses only the status code |
//! | merges a strategic merge patch like an apply | also supports `$patch`, … | only kubectl sends these directives |
//! | collects garbage during the write | collects garbage a moment later | tests of the fake need not wait |
//! | replays watch events since `compact()` | drops old events if its cache is full | tests decide when events expire |

/// Reason why a test case runs only on the fake server.
#[derive(Debug, Clone, Copy)]
pub enum FakeOnly {
    /// The case injects faults: a failure at the `n`-th call, a crash of a client, or a delayed request.
    Faults,
    /// The case reads the calls or the unexpected requests that the fake server has recorded, or removes a type.
    Records,
    /// The case runs the simulated controllers (`World`) with scripted behavior of pods and Jobs.
    Controllers,
    /// The case simulates a restart of the server (`FakeApi::end_watches`) or a compaction of its watch log
    /// (`FakeApi::compact`).
    Restarts,
    /// The case tests the validation rules of the project's own types, which the fake server implements without CEL.
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
