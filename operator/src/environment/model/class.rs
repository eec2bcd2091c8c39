//! State of the IngressClass that an environment's Ingress uses.

/// State of the IngressClass that an environment's Ingress uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The class exists. Contains the name of its controller.
    Known(String),
    /// No class with this name exists. `None`: neither the environment nor the operator's settings name a class, and
    /// the cluster has no default class.
    Missing(Option<String>),
    /// The class is not known: the spec asks for no Ingress, or the operator may not read IngressClasses.
    Unknown,
}
