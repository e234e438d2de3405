//! The properties, with choices made by chance.

use std::{env, fmt};

use proptest::prelude::*;
use vestibule_fuzz::edits::edits_change_what_they_are_meant_to;
use vestibule_fuzz::properties::{
    Held, chunks_do_not_matter, damaged_input_is_judged_alike, right_input_is_accepted,
};

/// Choices. What they come to is said by the property that does not hold.
#[derive(Clone)]
struct Chosen(Vec<u8>);

impl fmt::Debug for Chosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} choices", self.0.len())
    }
}

fn choices() -> impl Strategy<Value = Chosen> {
    prop::collection::vec(any::<u8>(), 0..1500).prop_map(Chosen)
}

fn check(held: Held) -> Result<(), TestCaseError> {
    held.map_err(TestCaseError::fail)
}

/// The number of cases can be set by `PROPTEST_CASES`, for a longer search.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 4000 };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn right_input_is_accepted_by_all_who_see_the_same(choices in choices()) {
        check(right_input_is_accepted(&choices.0))?;
    }

    #[test]
    fn damaged_input_is_judged_by_all_alike(choices in choices()) {
        check(damaged_input_is_judged_alike(&choices.0))?;
    }

    #[test]
    fn however_it_is_cut_input_is_judged_alike(choices in choices()) {
        check(chunks_do_not_matter(&choices.0))?;
    }

    #[test]
    fn edits_change_only_what_they_are_meant_to(choices in choices()) {
        check(edits_change_what_they_are_meant_to(&choices.0))?;
    }
}
