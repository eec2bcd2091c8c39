//! IngressClass of an environment's Ingress, as far as it is known.

/// IngressClass of an environment's Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The class exists; the value is the name of its controller.
    Known(String),
    /// There is no class of this name. `None`: no name is given and the cluster has no default class.
    Missing(Option<String>),
    /// The class was not looked up: there is no Ingress, or the operator may not read IngressClasses.
    Unknown,
}
