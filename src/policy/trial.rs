//! Tests that stand in a policy file, whatever its kind: an operator's own expectations, run by `vestibule policy test`.

use super::{Located, Position};

/// One test as it is written in a policy file.
pub trait PolicyTest {
    /// What is tested: the policy, with the files that it names.
    type Subject: ?Sized;

    /// What the test says of itself.
    fn name(&self) -> &Located<String>;

    /// Where the subject is not as the test expects it.
    fn mismatches(&self, subject: &Self::Subject) -> Vec<Mismatch>;
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    pub name: Located<String>,
    /// Empty if all is as expected.
    pub mismatches: Vec<Mismatch>,
}

/// An expectation that did not come true. Unlike a [`Problem`](super::Problem) it quotes what it found: the stanzas of
/// tests are the operator's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the expectation stands.
    pub at: Position,
    pub reason: String,
}

impl Mismatch {
    pub fn new(at: Position, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }

    /// `what` should be `expected`, which stands at `at`; `None` if it is. What does not fit into a line stands in lines
    /// of its own.
    pub fn unless_equal(what: &str, at: Position, expected: &str, found: &str) -> Option<Self> {
        const IN_A_LINE: usize = 60;
        let is_short = expected.len() + found.len() <= IN_A_LINE && !expected.contains('\n');
        let reason = || match is_short {
            true => format!("{what} should be {expected}, but is {found}"),
            false => format!("{what} should be\n    {expected}\n  but is\n    {found}"),
        };
        (expected != found).then(|| Self::new(at, reason()))
    }
}

/// Runs the tests of a file, in its order.
pub fn run_tests<T: PolicyTest>(subject: &T::Subject, tests: &[T]) -> Vec<TestOutcome> {
    let run = |test: &T| TestOutcome { name: test.name().clone(), mismatches: test.mismatches(subject) };
    tests.iter().map(run).collect()
}
