//! `tests` of a dialect: a message in, what is read in it out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Findings;
use crate::content_types::rehearsal::read_contents;
use crate::content_types::{ContentClass, Dialect, MediaType, ReadContent};
use crate::policy::{ByteSize, Located, Mismatch, PolicyTest};

/// A test of the dialect: `vestibule policy test` runs it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct DialectTestDocument {
    /// What it shows.
    name: Located<String>,
    /// A message from the gatekeeper, on a stream whose default namespace is `jabber:client`.
    message: Located<String>,
    /// The contents that are read in it and in the messages that it carries, in their order.
    expect: Located<Vec<Located<ExpectedContentDocument>>>,
}

/// A content. What is left out is not looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct ExpectedContentDocument {
    class: ContentClass,
    /// The media type, with all its parameters.
    #[serde(default, rename = "type")]
    media_type: Option<Located<String>>,
    #[serde(default)]
    size: Option<ByteSize>,
}

/// A test of a dialect.
#[derive(Clone, Debug)]
pub struct DialectTest {
    name: Located<String>,
    message: Located<String>,
    expected: Located<Vec<Located<ExpectedContent>>>,
}

#[derive(Clone, Debug)]
struct ExpectedContent {
    class: ContentClass,
    media_type: Option<MediaType>,
    size: Option<u64>,
}

impl DialectTestDocument {
    /// What could not be read is left out: then there is a finding, too.
    pub fn build(self, findings: &mut Findings<'_>) -> DialectTest {
        let Self { name, message, expect } = self;
        let contents = expect.value.into_iter().map(|content| content.map(|content| content.build(findings)));
        let expected = Located { value: contents.collect(), at: expect.at };
        DialectTest { name, message, expected }
    }
}

impl ExpectedContentDocument {
    fn build(self, findings: &mut Findings<'_>) -> ExpectedContent {
        let Self { class, media_type, size } = self;
        let media_type = media_type.and_then(|text| findings.checked(text.at, MediaType::parse(&text.value)));
        ExpectedContent { class, media_type, size: size.map(ByteSize::bytes) }
    }
}

impl ExpectedContent {
    fn is_met_by(&self, found: &ReadContent) -> bool {
        self.class == found.class
            && self.media_type.as_ref().is_none_or(|expected| found.media_type.as_ref() == Some(expected))
            && self.size.is_none_or(|expected| found.size == Some(expected))
    }

    /// A content with only what this one looks at.
    fn seen_in(&self, found: &ReadContent) -> String {
        let ReadContent { class, media_type, size } = found;
        let media_type = self.media_type.as_ref().map(|_| media_type.as_ref());
        described(*class, media_type, self.size.map(|_| *size))
    }

    fn text(&self) -> String {
        described(self.class, self.media_type.as_ref().map(Some), self.size.map(Some))
    }
}

impl PolicyTest for DialectTest {
    type Subject = Dialect;

    fn name(&self) -> &Located<String> {
        &self.name
    }

    fn mismatches(&self, dialect: &Dialect) -> Vec<Mismatch> {
        let found = match read_contents(dialect, &self.message.value) {
            Ok(found) => found,
            Err(error) => return vec![Mismatch::new(self.message.at, error.to_string())],
        };
        if found.len() != self.expected.value.len() {
            let all =
                |texts: Vec<String>| if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
            let expected = self.expected.value.iter().map(|content| content.value.text()).collect();
            let found = found.iter().map(ReadContent::text).collect();
            let at = self.expected.at;
            return Vec::from_iter(Mismatch::unless_equal("the contents", at, &all(expected), &all(found)));
        }
        let pairs = self.expected.value.iter().zip(&found);
        let missed = pairs.filter(|(expected, found)| !expected.value.is_met_by(found));
        let mismatch = |(expected, found): (&Located<ExpectedContent>, _)| {
            let Located { value: expected, at } = expected;
            Mismatch::unless_equal("the content", *at, &expected.text(), &expected.seen_in(found))
        };
        missed.filter_map(mismatch).collect()
    }
}

impl ReadContent {
    fn text(&self) -> String {
        described(self.class, self.media_type.as_ref().map(Some), self.size.map(Some))
    }
}

/// The class, and of type and size what is asked for; `Some(None)` is one that is asked for and not known.
fn described(
    class: ContentClass,
    media_type: Option<Option<&MediaType>>,
    size: Option<Option<u64>>,
) -> String {
    let mut text = class.name().to_owned();
    if let Some(media_type) = media_type {
        text.push(' ');
        text.push_str(&media_type.map_or("of no known type".to_owned(), MediaType::to_text));
    }
    if let Some(size) = size {
        text.push_str(&size.map_or(" of no known size".to_owned(), |bytes| format!(" of {bytes} bytes")));
    }
    text
}
