//! Checks a file's tree against the JSON Schema of its kind and collects everything that does not fit. serde alone
//! would stop at the first error.
//!
//! It knows the keywords that the documents' schemas use; a test holds that there are no others.

use serde_json::Value as Json;

use super::format::FORMATS;
use super::nearest::{listed, nearest};
use super::node::{Entry, Node, Value};
use super::{Cause, Planned, Problem};

/// All structural problems of a file.
pub(super) fn check(root: &Node, schema: &schemars::Schema, planned: &[Planned]) -> Vec<Problem> {
    let schema = schema.as_value();
    let mut check = Check { root: schema, planned, path: Vec::new(), problems: Vec::new() };
    check.node(root, schema);
    check.problems
}

struct Check<'s> {
    root: &'s Json,
    planned: &'s [Planned],
    /// Keys and item numbers from the root to the node that is being checked.
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl<'s> Check<'s> {
    fn node(&mut self, node: &Node, schema: &'s Json) {
        if self.is_planned(node) {
            return self.report(node, Cause::NotSupportedYet);
        }
        let schema = self.resolve(schema);
        for keyword in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema[keyword].as_array() {
                self.alternatives(node, alternatives);
            }
        }
        if !accepts_type(schema, &node.value) {
            return self.report(node, Cause::WrongType { expected: self.expected(schema) });
        }
        match &node.value {
            Value::Text(text) => self.text(node, text, schema),
            Value::Integer(number) => self.number(node, *number, schema),
            Value::Sequence(items) => self.sequence(node, items, schema),
            Value::Mapping(entries) => self.mapping(node, entries, schema),
            Value::Null | Value::Boolean | Value::Float => {}
        }
    }

    fn is_planned(&self, node: &Node) -> bool {
        let text = match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        self.planned.iter().any(|planned| planned.matches(&self.path, text))
    }

    fn report(&mut self, node: &Node, cause: Cause) {
        self.problems.push(Problem::new(node.at, cause));
    }

    /// Follows a reference into the schema's definitions.
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).map_or(schema, |found| self.resolve(found)),
            None => schema,
        }
    }

    /// One of the alternatives has to fit. If none does, the problems of the one that was most likely meant are told.
    fn alternatives(&mut self, node: &Node, alternatives: &'s [Json]) {
        let resolved: Vec<&Json> = alternatives.iter().map(|alternative| self.resolve(alternative)).collect();
        let attempts: Vec<Vec<Problem>> = resolved.iter().map(|schema| self.attempt(node, schema)).collect();
        if attempts.iter().any(Vec::is_empty) {
            return;
        }
        if let Value::Text(text) = &node.value
            && let words = resolved.iter().flat_map(|schema| words(schema)).collect::<Vec<_>>()
            && !words.is_empty()
        {
            return self.report(node, unknown_value(text, words));
        }
        let of_the_type =
            attempts.into_iter().zip(&resolved).filter(|(_, schema)| accepts_type(schema, &node.value));
        match of_the_type.map(|(problems, _)| problems).min_by_key(Vec::len) {
            Some(problems) => self.problems.extend(problems),
            None => {
                let expected: Vec<String> = resolved.iter().map(|schema| self.expected(schema)).collect();
                self.report(node, Cause::WrongType { expected: either(expected) });
            }
        }
    }

    fn attempt(&self, node: &Node, schema: &'s Json) -> Vec<Problem> {
        let mut attempt =
            Check { root: self.root, planned: self.planned, path: self.path.clone(), problems: Vec::new() };
        attempt.node(node, schema);
        attempt.problems
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Json) {
        let words = words(schema);
        if !words.is_empty() && !words.contains(&text) {
            self.report(node, unknown_value(text, words));
        }
        let format = FORMATS.iter().find(|format| schema["format"] == format.name);
        if let Some(format) = format
            && !(format.accepts)(text)
        {
            self.report(node, Cause::BadFormat { expected: format.expected });
        }
    }

    fn number(&mut self, node: &Node, number: i128, schema: &Json) {
        let minimum = schema["minimum"].as_i64();
        let maximum = schema["maximum"].as_u64().or_else(|| largest_of_type(schema));
        let too_small = minimum.is_some_and(|minimum| number < minimum.into());
        let too_large = maximum.is_some_and(|maximum| number > maximum.into());
        if too_small || too_large {
            let range = match (minimum, maximum) {
                (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
                (Some(minimum), None) => format!("{minimum} or more"),
                (None, Some(maximum)) => format!("{maximum} or less"),
                (None, None) => return,
            };
            self.report(node, Cause::OutOfRange { range });
        }
    }

    fn sequence(&mut self, node: &Node, items: &[Node], schema: &'s Json) {
        let count = items.len() as u64;
        if let Some(minimum) = schema["minItems"].as_u64()
            && count < minimum
        {
            self.report(node, Cause::TooFewItems { minimum });
        }
        let maximum = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        for (number, item) in (0..).zip(items) {
            self.path.push(number.to_string());
            if number < maximum {
                self.node(item, &schema["items"]);
            } else if number == maximum {
                let cause = if self.is_planned(item) {
                    Cause::NotSupportedYet
                } else {
                    Cause::TooManyItems { maximum }
                };
                self.report(item, cause);
            }
            self.path.pop();
        }
    }

    fn mapping(&mut self, node: &Node, entries: &[Entry], schema: &'s Json) {
        for (index, entry) in entries.iter().enumerate() {
            match entries[..index].iter().find(|earlier| earlier.key == entry.key) {
                Some(first) => {
                    self.problems.push(Problem::new(entry.at, Cause::DuplicateKey { first: first.at }));
                }
                None => self.entry(entry, schema),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        for key in required.filter(|key| !entries.iter().any(|entry| entry.key == *key)) {
            if !stands_instead(entries, key, schema) {
                self.report(node, Cause::MissingKey { key: key.to_owned() });
            }
        }
    }

    fn entry(&mut self, entry: &Entry, schema: &'s Json) {
        self.path.push(entry.key.clone());
        if let Some(property) = schema["properties"].get(&entry.key) {
            self.node(&entry.node, property);
        } else if self.is_planned(&entry.node) {
            self.problems.push(Problem::new(entry.at, Cause::NotSupportedYet));
        } else if schema["additionalProperties"] == Json::Bool(false) {
            self.problems.push(Problem::new(entry.at, unknown_key(&entry.key, schema)));
        } else {
            self.node(&entry.node, &schema["additionalProperties"]);
        }
        self.path.pop();
    }

    /// What would be right, for a message.
    fn expected(&self, schema: &'s Json) -> String {
        let format = FORMATS.iter().find(|format| schema["format"] == format.name);
        let words = words(schema);
        if let Some(format) = format {
            format.expected.to_owned()
        } else if !words.is_empty() {
            listed(&owned(words))
        } else if let Some(alternatives) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            either(alternatives.iter().map(|alternative| self.expected(self.resolve(alternative))).collect())
        } else {
            either(types(schema).into_iter().map(|name| name_of_type(name).to_owned()).collect())
        }
    }
}

/// The words that a schema allows, if it allows only certain ones.
fn words(schema: &Json) -> Vec<&str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Json::as_str).collect()
}

fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The bounds of Rust's larger integer types are not in the schema, but the types' names are.
fn largest_of_type(schema: &Json) -> Option<u64> {
    match schema["format"].as_str()? {
        "uint32" => Some(u32::MAX.into()),
        "uint64" | "uint" => Some(u64::MAX),
        _ => None,
    }
}

/// A schema without `type` accepts every type.
fn accepts_type(schema: &Json, value: &Value) -> bool {
    let types = types(schema);
    let accepted: &[&str] = match value {
        Value::Null => &["null"],
        Value::Boolean => &["boolean"],
        Value::Integer(_) => &["integer", "number"],
        Value::Float => &["number"],
        Value::Text(_) => &["string"],
        Value::Sequence(_) => &["array"],
        Value::Mapping(_) => &["object"],
    };
    types.is_empty() || types.iter().any(|name| accepted.contains(name))
}

fn name_of_type(name: &str) -> &'static str {
    match name {
        "null" => "nothing",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        _ => "a mapping of keys to values",
    }
}

/// "Nothing" is left out: that a key may also be left out does not help who has written one.
fn either(mut expected: Vec<String>) -> String {
    if expected.iter().any(|name| name != "nothing") {
        expected.retain(|name| name != "nothing");
    }
    expected.dedup();
    expected.join(" or ")
}

fn unknown_value(text: &str, words: Vec<&str>) -> Cause {
    let nearest = nearest(text, words.iter().copied()).map(str::to_owned);
    Cause::UnknownValue { nearest, known: owned(words) }
}

/// Whether another key was probably meant to be the missing one: a slip of it, or any where there is no choice. That
/// one is reported.
fn stands_instead(entries: &[Entry], missing: &str, schema: &Json) -> bool {
    let known = schema["properties"].as_object();
    let unknown = |entry: &&Entry| known.is_none_or(|known| !known.contains_key(&entry.key));
    let only_one_known = known.is_some_and(|known| known.len() == 1);
    entries.iter().filter(unknown).any(|entry| only_one_known || nearest(&entry.key, [missing]).is_some())
}

fn unknown_key(key: &str, schema: &Json) -> Cause {
    let known: Vec<&str> =
        schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let nearest = nearest(key, known.iter().copied()).map(str::to_owned);
    Cause::UnknownKey { nearest, known: owned(known) }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
