//! Where the gate does not say what the catalogue demands: the whole list.

/// A test of the suite that the gate judges otherwise.
pub(super) struct Deviation {
    /// The test's ID.
    pub(super) id: &'static str,
    /// What the gate says: a refusal's kind, or `accepted`.
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
}

const FIFTH_EDITION: &str =
    "a name that only the fifth edition of XML 1.0 allows: parsers of the fourth refuse it";

pub(super) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "o-p66pass1",
        verdict: "bad-reference",
        reason: "a character reference of 19 digits: parsers differ on more than eight",
    },
    Deviation { id: "x-rmt5-014", verdict: "bad-name", reason: FIFTH_EDITION },
    Deviation { id: "x-rmt5-016", verdict: "bad-name", reason: FIFTH_EDITION },
    Deviation { id: "x-rmt5-019", verdict: "bad-name", reason: FIFTH_EDITION },
];
