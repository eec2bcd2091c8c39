//! Identity of a database, derived from what its server reports and not only from the name in a connection string.
//!
//! The identity is a set of marks. Each mark is a digest, so results are small and reveal no names. Two connection
//! strings refer to the same database if their sets have a mark in common. See docs/adr/0009.

use mongodb::bson::{Bson, Document};
use sha2::{Digest, Sha256};

use super::reach::Reached;

/// Length of a mark in hex digits. 32 digits are 128 bits.
pub const MARK_LENGTH: usize = 32;

/// Maximum number of members in a replica set (MongoDB limit).
const MAX_MEMBERS: usize = 50;

/// Maximum length in bytes of a replica set's name, and of the host and port of a member. A DNS name has at most 253
/// bytes, and a colon with a port at most 6.
const MAX_NAME: usize = 260;

/// Facts that a server reports about itself, and the name and address at which it was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Name of the server's replica set; `None` if the server is not in one.
    pub set: Option<String>,
    /// Host and port of each member of the replica set.
    pub hosts: Vec<String>,
    /// Identifier of the running server process (`topologyVersion.processId`). It changes when the server restarts.
    pub process: Option<String>,
    /// Host and port of the server, from the connection string or its SRV records.
    pub name: String,
    /// IP address and port at which the server responded.
    pub address: String,
}

impl Greeting {
    /// Parses the response to the command `hello`.
    pub fn read(hello: &Document, reached: Reached) -> Self {
        let short = |text: &str| {
            let fits = (1..=MAX_NAME).contains(&text.len());
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
                .take(MAX_MEMBERS)
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

/// Returns the marks of a database on a server: digests that together identify the database.
///
/// A replica set has one mark per member, computed from the set's name and the member's host and port. The marks before
/// and after adding or removing a member therefore overlap. Members with loopback addresses have no mark. A standalone
/// server or the router of a sharded cluster reports no replica set. It has one mark each for its host and port, for
/// the address at which it responded, and for its process identifier if it reports one. The same applies to a replica
/// set whose members all have loopback addresses.
pub fn marks(greeting: &Greeting, database: &str) -> Vec<String> {
    // Many servers report loopback addresses as member names, which identify nothing.
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
