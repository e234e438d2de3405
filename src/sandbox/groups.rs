//! The words of groups, which the gatekeeper and its clients share: where groups are addressed, and the namespace of what
//! is asked of them. The sandbox's own choice, described in `docs/interop.md`.

/// What is asked of groups, and what they tell their members.
pub const NAMESPACE: &str = "urn:x-vestibule:groups:0";
/// Bytes of a group's name.
pub const LONGEST_NAME: usize = 256;

/// What stands before the gatekeeper's domain in the address of a group.
const LABEL: &str = "groups.";

/// The domain of a gatekeeper's groups.
pub fn domain(host: &str) -> String {
    format!("{LABEL}{host}")
}

/// Whether this is the domain of the groups of `host`. Domains compare without case (RFC 7622, section 3.2).
pub fn is_domain(domain: &str, host: &str) -> bool {
    let parts = domain.split_at_checked(LABEL.len());
    parts.is_some_and(|(label, rest)| label.eq_ignore_ascii_case(LABEL) && rest.eq_ignore_ascii_case(host))
}

/// Whether a group can be called so.
pub fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && super::limits::is_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_a_domain_of_their_own() {
        assert!(is_domain(&domain("gatekeeper.example"), "gatekeeper.example"));
        assert!(is_domain("Groups.Gatekeeper.example", "gatekeeper.example"));
        for other in
            ["gatekeeper.example", "groups.", "groups.other.example", "group\u{df}.gatekeeper.example", ""]
        {
            assert!(!is_domain(other, "gatekeeper.example"), "{other}");
        }
    }

    #[test]
    fn a_groups_name_is_text_that_can_be_shown() {
        assert!(is_name("The kitchen \u{1F373}"));
        for wrong in ["", "a\nb", &"x".repeat(LONGEST_NAME + 1)] {
            assert!(!is_name(wrong), "{wrong:?}");
        }
    }
}
