//! What the types forbid, as whoever uses the library would try it. `TRYBUILD=overwrite` writes the expected errors anew.

#[test]
fn what_was_observed_reaches_a_sink_by_the_policy_only() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
