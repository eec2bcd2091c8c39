//! Code shared by trials: the cluster, environments to test on, and faults.

pub mod cluster_network;
pub mod crash_proxy;
pub mod images;
pub mod port_block;
pub mod restore;
pub mod scratch;
#[path = "../../../../operator/tests/support/stand_in_mongo.rs"]
pub mod stand_in_mongo;
pub mod world;
