//! The known differences between the fake and a real server, and why each is accepted. The test cases that depend on
//! none of them run on both servers.
//!
//! | the fake | a real server | why it is left |
//! |---|---|---|
//! | keeps unknown fields of built-in types | drops them, and refuses an apply of them | it would need the schemas of all types; k8s-openapi's types know no others |
//! | creates in any namespace | answers 404 where the namespace does not exist | the operator makes no namespace, and its tests would each have to |
//! | names the first invalid field | names all of them | the operator reads the code and shows the message |
//! | merges a strategic patch as an apply, without directives | knows `$patch`, `$retainKeys`, … | only kubectl sends them |
//! | collects garbage within the write | does so a moment later | each test would have to wait; the cases wait on a real server |
//! | gives any number of watch events again until `compact()` | forgets the oldest when its cache is full | a test decides when |

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
