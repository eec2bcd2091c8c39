//! What identifies a database: what the server says it is, not what a connection string calls it.
//!
//! Marks are digests, so that an answer is small and shows no name. Two connection strings name the same database
//! when they have a mark in common. ADR 0009 says why these.

use mongodb::bson::{Bson, Document};
use sha2::{Digest, Sha256};

use super::reach::Reached;

/// Hex digits of a mark: 128 bits.
pub const MARK_LENGTH: usize = 32;

/// A replica set has no more members (limits of the server), and DNS no longer names.
const MOST_MEMBERS: usize = 50;
const MOST_NAME: usize = 260;

/// What a server said of itself, and where it was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Name of its replica set.
    pub set: Option<String>,
    /// The set's members.
    pub hosts: Vec<String>,
    /// The number the running process gave itself.
    pub process: Option<String>,
    /// Host and port as the connection string has them.
    pub name: String,
    /// The address it answered at.
    pub address: String,
}

impl Greeting {
    /// Reads an answer to `hello`.
    pub fn read(hello: &Document, reached: Reached) -> Self {
        let short = |text: &str| {
            let fits = (1..=MOST_NAME).contains(&text.len());
            fits.then(|| text.to_owned())
        };
        let listed = ["hosts", "passives", "arbiters"]
            .iter()
            .filter_map(|field| hello.get_array(field).ok())
            .flatten();
        let version = hello.get_document("topologyVersion").ok();
        Self {
            set: hello.get_str("setName").ok().and_then(short),
            hosts: listed
                .filter_map(|host| short(host.as_str()?))
                .take(MOST_MEMBERS)
                .collect(),
            process: version.and_then(|version| match version.get("processId") {
                Some(Bson::ObjectId(id)) => Some(id.to_hex()),
                _ => None,
            }),
            name: reached.name,
            address: reached.address,
        }
    }
}

/// Marks of a database on the server that greeted.
///
/// A replica set: its name with each member, so that a member added or removed changes nothing. Anything else (a
/// standalone server, a router of a sharded cluster) names neither: then the running process, which the server
/// numbers itself, the name it was asked by, and the address it answered at.
pub fn marks(greeting: &Greeting, database: &str) -> Vec<String> {
    // Members that call themselves loopback are many servers' members.
    let members: Vec<&String> = greeting.hosts.iter().filter(|h| !is_loopback(h)).collect();
    let mut marks: Vec<String> = match &greeting.set {
        Some(set) if !members.is_empty() => members
            .iter()
            .map(|member| mark(&["member", set, &member.to_ascii_lowercase(), database]))
            .collect(),
        _ => {
            let named = mark(&["name", &greeting.name, database]);
            let address = mark(&["address", &greeting.address, database]);
            let process = greeting.process.as_ref();
            let process = process.map(|id| mark(&["process", id, database]));
            [named, address].into_iter().chain(process).collect()
        }
    };
    marks.sort();
    marks.dedup();
    marks
}

fn is_loopback(member: &str) -> bool {
    let host = member.rsplit_once(':').map_or(member, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn mark(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(MARK_LENGTH);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(hosts: &[&str], name: &str) -> Greeting {
        Greeting {
            set: Some("rs0".to_owned()),
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            process: Some("64b0".to_owned()),
            name: name.to_owned(),
            address: "192.0.2.1:27017".to_owned(),
        }
    }

    fn standalone(name: &str, address: &str, process: &str) -> Greeting {
        Greeting {
            set: None,
            hosts: Vec::new(),
            process: Some(process.to_owned()),
            name: name.to_owned(),
            address: address.to_owned(),
        }
    }

    fn same(a: &Greeting, b: &Greeting) -> bool {
        let b = marks(b, "app");
        marks(a, "app").iter().any(|mark| b.contains(mark))
    }

    #[test]
    fn a_replica_set_is_known_by_any_member_however_it_was_reached() {
        let two = set(&["a.test:27017", "b.test:27017"], "srv.test");
        assert!(same(
            &two,
            &set(&["B.test:27017", "c.test:27017"], "a.test")
        ));
        assert!(!same(&two, &set(&["c.test:27017"], "srv.test")));
        assert_ne!(marks(&two, "app"), marks(&two, "other"));
    }

    #[test]
    fn members_that_call_themselves_loopback_identify_nothing() {
        let first = set(&["localhost:27017"], "one.test:27017");
        let mut second = set(&["localhost:27017"], "two.test:27017");
        second.address = "192.0.2.2:27017".to_owned();
        second.process = Some("64b1".to_owned());
        assert!(!same(&first, &second));
        assert!(is_loopback("[::1]:27017") && is_loopback("127.0.0.1"));
    }

    #[test]
    fn a_standalone_is_known_by_process_name_or_address() {
        let one = standalone("db.test:27017", "192.0.2.1:27017", "64b0");
        assert!(same(
            &one,
            &standalone("alias.test:27017", "192.0.2.9:27017", "64b0")
        ));
        assert!(same(
            &one,
            &standalone("db.test:27017", "192.0.2.9:27017", "64b9")
        ));
        assert!(same(
            &one,
            &standalone("alias.test:27017", "192.0.2.1:27017", "64b9")
        ));
        assert!(!same(
            &one,
            &standalone("alias.test:27017", "192.0.2.9:27017", "64b9")
        ));
    }
}
