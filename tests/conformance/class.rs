//! What is demanded of the gate for a document, by what the catalogue says of it and what stands in it first.

use vestibule::framing::{Refusal, RefusalFamily, RefusalKind};

use super::catalogue::Claim;
use super::document::Restriction;

#[derive(Clone, Copy, Debug)]
pub(super) enum Class {
    /// Nothing is restricted, nothing is wrong: it must be accepted.
    WellFormed,
    /// It must be refused for its fault.
    IllFormed,
    /// It must be refused for what it does with colons and namespaces.
    AgainstNamespaces,
    /// XML leaves it open: the table says what became of it.
    Error,
    /// It must be refused as this, at this place.
    Restricted(Restriction),
}

impl Class {
    /// The class of a document that the catalogue makes this claim of.
    pub(super) fn of(claim: Claim, document: &[u8]) -> Self {
        let in_time = |restriction: &Restriction| {
            claim == Claim::WellFormed || restriction.comes_before_any_fault(document)
        };
        match (Restriction::first(document).filter(in_time), claim) {
            (Some(restriction), _) => Class::Restricted(restriction),
            (None, Claim::WellFormed) => Class::WellFormed,
            (None, Claim::IllFormed) => Class::IllFormed,
            (None, Claim::AgainstNamespaces) => Class::AgainstNamespaces,
            (None, Claim::Error) => Class::Error,
        }
    }

    /// Whether this is what the gate must say.
    pub(super) fn demands(self, verdict: Result<(), Refusal>) -> bool {
        match (self, verdict) {
            (Class::WellFormed, verdict) => verdict.is_ok(),
            (Class::IllFormed, Err(refusal)) => is_fault(refusal.kind),
            (Class::AgainstNamespaces, Err(refusal)) => is_fault_of_names(refusal.kind),
            (Class::Error, verdict) => verdict.map_or_else(|refusal| is_fault(refusal.kind), |()| true),
            (Class::Restricted(restriction), Err(refusal)) => {
                refusal == Refusal { kind: restriction.kind, offset: restriction.refused_at() }
            }
            (_, Ok(())) => false,
        }
    }

    /// Its row in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Class::WellFormed => "well-formed",
            Class::IllFormed => "ill-formed",
            Class::AgainstNamespaces => "against namespaces",
            Class::Error => "error",
            Class::Restricted(restriction) => restriction.kind.name(),
        }
    }
}

/// Without a DTD, an entity that is not predefined is not declared: a fault (XML 1.0, 4.1, Entity Declared).
fn is_fault(kind: RefusalKind) -> bool {
    matches!(kind.family(), RefusalFamily::NotWellFormed | RefusalFamily::Truncated)
        || matches!(kind, RefusalKind::BadUtf8 | RefusalKind::EntityReference)
}

/// The local part of a name must begin as a name does: that, too, is a rule of namespaces.
fn is_fault_of_names(kind: RefusalKind) -> bool {
    matches!(
        kind,
        RefusalKind::BadName
            | RefusalKind::BadQualifiedName
            | RefusalKind::DuplicateAttribute
            | RefusalKind::UndeclaredPrefix
            | RefusalKind::EmptyNamespace
            | RefusalKind::ReservedNamespace
    )
}
