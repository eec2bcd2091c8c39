//! Ingress class of the route, as far as it is known.

/// Ingress class of the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Present; name of the controller that serves it.
    Known(String),
    /// No class of that name; `None`: the cluster has no default class.
    Missing(Option<String>),
    /// Not looked up: there is no route, or the operator may not read ingress classes.
    Unknown,
}
