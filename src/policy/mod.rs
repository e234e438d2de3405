//! What all YAML files of an operator share, the configuration and every kind of policy: loading with positions, all
//! errors of a file in one run, the nearest right names, and the JSON Schema. It opens no files.
//!
//! # How a kind of file is added
//!
//! A kind has a document type (the YAML as written) and a value (valid by construction):
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use vestibule::policy::{self, ByteSize, Located, Planned, PolicyDocument, Problem};
//!
//! /// What a warehouse holds. (Doc comments become the schema's descriptions.)
//! #[derive(Deserialize, JsonSchema)]
//! struct WarehouseDocument {
//!     capacity: Located<ByteSize>,
//!     #[serde(default)]
//!     reserve: Option<Located<ByteSize>>,
//! }
//!
//! /// What only the meaning can tell. The messages say what would be right, and never quote the file.
//! #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
//! enum WarehouseError {
//!     #[error("the reserve must be smaller than the capacity")]
//!     Reserve,
//! }
//!
//! impl PolicyDocument for WarehouseDocument {
//!     type Value = u64;
//!     const KIND: &'static str = "warehouse";
//!     const PLANNED: &'static [Planned] = &[Planned::key("doors"), Planned::value("colour", "red")];
//!
//!     fn build(self, _warnings: &mut Vec<Problem>) -> Result<u64, Vec<Problem>> {
//!         let mut problems = Vec::new();
//!         if let Some(reserve) = &self.reserve
//!             && reserve.value >= self.capacity.value
//!         {
//!             problems.push(Problem::invalid(reserve.at, &WarehouseError::Reserve));
//!         }
//!         if problems.is_empty() { Ok(self.capacity.value.bytes()) } else { Err(problems) }
//!     }
//! }
//!
//! let problems = policy::load::<WarehouseDocument>("capacity: 1 KiB\nreserve: 2 KiB\ndoor: 1\n").unwrap_err();
//! let messages: Vec<String> = problems.iter().map(Problem::to_string).collect();
//! assert_eq!(messages, [
//!     "2:10: the reserve must be smaller than the capacity",
//!     "3:1: unknown key; right would be `capacity` or `reserve`",
//! ]);
//! ```
//!
//! Every mapping is closed: a document type needs no `deny_unknown_fields`. What is wrong with keys that may be left out
//! does not keep `build` from being asked about the rest. Wrap in [`Located`] what `build` may have to complain about. A file that names another
//! file keeps the name as `Located<String>` in its value; who opens files (`config`) reads and loads it.

mod check;
mod deserialize;
mod format;
mod located;
mod nearest;
mod node;
mod planned;
mod problem;
#[cfg(test)]
pub(crate) mod tests;
mod trial;

pub use format::{
    ByteSize, FormatError, HostName, IpAddress, Moment, Network, Period, ServerAddress, SocketAddress,
};
pub use located::{Located, in_order};
pub use planned::Planned;
pub use problem::{Cause, Position, Problem};
pub use trial::{Mismatch, PolicyTest, TestOutcome, run_tests};

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// A kind of YAML file, as written. See the module's documentation for how one is added.
pub trait PolicyDocument: DeserializeOwned + JsonSchema {
    /// What the document means, valid by construction.
    type Value;

    /// The kind's name on the command line (`vestibule schema KIND`).
    const KIND: &'static str;

    /// What is designed for this kind, but not built yet.
    const PLANNED: &'static [Planned] = &[];

    /// What is to be said of a key that the schema does not know, if it is more than that. The path has keys and item
    /// numbers from the document's root to the key.
    fn unknown_key(_path: &[String]) -> Option<String> {
        None
    }

    /// Checks what the document means. All problems are reported, not only the first. A warning is for what is valid
    /// but probably not wanted.
    fn build(self, warnings: &mut Vec<Problem>) -> Result<Self::Value, Vec<Problem>>;
}

/// A value that was loaded, and what its author should think about again.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    pub value: T,
    pub warnings: Vec<Problem>,
}

/// A document as far as it could be read.
#[derive(Clone, Debug)]
pub struct Read<D> {
    /// Present in spite of problems with keys that may be left out, so that what the rest means can be checked as well.
    pub document: Option<D>,
    pub problems: Vec<Problem>,
}

/// Reads a document from YAML and says what it means. On failure every problem of the text is returned, in the order
/// of their places.
pub fn load<D: PolicyDocument>(text: &str) -> Result<Loaded<D::Value>, Vec<Problem>> {
    let Read { document, mut problems } = read::<D>(text);
    let mut warnings = Vec::new();
    match document.map(|document| document.build(&mut warnings)) {
        Some(Ok(value)) if problems.is_empty() => return Ok(Loaded { value, warnings }),
        Some(Err(found)) => problems.extend(found),
        Some(Ok(_)) | None => {}
    }
    problems.sort_by_key(|problem| problem.at);
    Err(problems)
}

/// Reads a document from YAML without asking what it means.
pub fn read<D: PolicyDocument>(text: &str) -> Read<D> {
    let tree = match node::Node::parse(text) {
        Ok(tree) => tree,
        Err(problem) => return Read { document: None, problems: vec![problem] },
    };
    let (usable, mut problems) = check::check(&tree, &schema::<D>(), D::PLANNED, D::unknown_key);
    let document = usable.and_then(|tree| {
        deserialize::deserialize(&tree)
            .map_err(|refused| {
                problems.push(Problem::new(refused.at.unwrap_or(Position::START), Cause::Unreadable));
            })
            .ok()
    });
    Read { document, problems }
}

/// How many keys of the outermost mapping this kind of file has, and how many it has not. `None`: there is no such mapping.
pub fn count_keys<D: PolicyDocument>(text: &str) -> Option<(usize, usize)> {
    let tree = node::Node::parse(text).ok()?;
    let unknown = check::unknown_keys(&tree, schema::<D>().as_value());
    let all = tree.keys().count();
    (all > 0).then_some((all - unknown, unknown))
}

/// The JSON Schema of a kind of file.
pub fn schema<D: PolicyDocument>() -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<D>();
    schema.insert("title".to_owned(), format!("Vestibule: {}", D::KIND).into());
    RecursiveTransform(close_mapping).transform(&mut schema);
    schema
}

/// Unknown keys are errors in every mapping that has known ones.
fn close_mapping(schema: &mut Schema) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}
