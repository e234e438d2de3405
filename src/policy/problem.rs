//! What is wrong in a YAML file, and where. Nothing here quotes the file: a secret may stand in any place of it.

use std::fmt;

/// A place in a YAML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counted from 1.
    pub line: u64,
    /// In characters, counted from 1.
    pub column: u64,
}

impl Position {
    /// The first character of a file: the place of what is wrong with a file as a whole.
    pub const START: Position = Position { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong in a file.
///
/// Displayed as `LINE:COLUMN: CAUSE`. The loader does not know the file's path: who read the file puts it before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {cause}")]
pub struct Problem {
    pub at: Position,
    pub cause: Cause,
}

impl Problem {
    pub fn new(at: Position, cause: Cause) -> Self {
        Self { at, cause }
    }

    /// A problem of meaning: the value is well-formed, but what it says cannot be. Each document's module has an error
    /// enum of its own for these, whose messages say what would be right and do not quote the file.
    pub fn invalid(at: Position, error: &impl std::error::Error) -> Self {
        Self { at, cause: Cause::Invalid { reason: error.to_string() } }
    }

    /// A name that should stand among `known` (names that the file itself defines), but does not.
    pub fn unknown_reference<'k>(
        at: Position,
        name: &str,
        what: &'static str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        let nearest = super::nearest::nearest(name, known).map(str::to_owned);
        Self { at, cause: Cause::UnknownReference { what, nearest } }
    }
}

/// What kinds of things are wrong, and what would be right instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("this is not YAML that can be read from here on")]
    Syntax,
    #[error("a tab stands in the indentation; YAML takes spaces only there")]
    Tab,
    #[error("a file holds one YAML document, here a second one begins")]
    SecondDocument,
    #[error("unknown key; {}", suggestion(.nearest, .known))]
    UnknownKey { nearest: Option<String>, known: Vec<String> },
    #[error("the key stands already at {first}; a key may be given only once")]
    DuplicateKey { first: Position },
    #[error("the key `{key}` is missing")]
    MissingKey { key: String },
    #[error("nothing is chosen here; right would be {}", super::nearest::listed(.known))]
    NoChoice { known: Vec<String> },
    #[error("{expected} should stand here")]
    WrongType { expected: String },
    #[error("unknown value; {}", suggestion(.nearest, .known))]
    UnknownValue { nearest: Option<String>, known: Vec<String> },
    #[error("{expected} should stand here")]
    BadFormat { expected: &'static str },
    #[error("the number is out of range; right is {range}")]
    OutOfRange { range: String },
    #[error("too few items; at least {minimum} should stand here")]
    TooFewItems { minimum: u64 },
    #[error("too many items; at most {maximum} may stand here")]
    TooManyItems { maximum: u64 },
    #[error("there is no {what} of this name{}", did_you_mean(.nearest))]
    UnknownReference { what: &'static str, nearest: Option<String> },
    #[error("not supported yet")]
    NotSupportedYet,
    /// A type of the document refused what its schema allows.
    #[error("this value cannot be read")]
    Unreadable,
    #[error("{reason}")]
    Invalid { reason: String },
}

fn suggestion(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("right would be {}", super::nearest::listed(known)),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
