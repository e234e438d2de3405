//! Checks a file's tree against the JSON Schema of its kind and collects everything that does not fit. serde alone
//! would stop at the first error.
//!
//! It knows the keywords that the documents' schemas use; a test holds that there are no others.

use serde_json::Value as Json;

use super::format::FORMATS;
use super::nearest::{listed, nearest};
use super::node::{Entry, Node, Value};
use super::{Cause, Planned, Position, Problem};

/// All structural problems of a file, and what of its tree can be used in spite of them: without what is wrong in the
/// place of a key that may be left out. Anything else that is wrong leaves nothing to be used.
pub(super) fn check(
    root: &Node,
    schema: &schemars::Schema,
    planned: &[Planned],
    unknown: fn(&[String]) -> Option<String>,
) -> (Option<Node>, Vec<Problem>) {
    let schema = schema.as_value();
    let mut check = Check { root: schema, planned, unknown, path: Vec::new(), problems: Vec::new() };
    let usable = check.node(root, schema);
    (usable, check.problems)
}

struct Check<'s> {
    root: &'s Json,
    planned: &'s [Planned],
    /// What is to be said of an unknown key, by its path.
    unknown: fn(&[String]) -> Option<String>,
    /// Keys and item numbers from the root to the node that is being checked.
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl<'s> Check<'s> {
    /// What of the node can be used.
    fn node(&mut self, node: &Node, schema: &'s Json) -> Option<Node> {
        if self.is_planned(node) {
            return self.report(node.at, Cause::NotSupportedYet);
        }
        let schema = self.resolve(schema);
        if let Some(alternatives) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            return self.alternatives(node, alternatives);
        }
        if !accepts_type(schema, &node.value) {
            return self.report(node.at, Cause::WrongType { expected: self.expected_instead(node, schema) });
        }
        let value = match &node.value {
            Value::Sequence(items) => Value::Sequence(self.sequence(node, items, schema)?),
            Value::Mapping(entries) => Value::Mapping(self.mapping(node, entries, schema)?),
            Value::Text(text) => self.scalar(node, text_problem(text, schema))?,
            Value::Integer(number) => self.scalar(node, number_problem(*number, schema))?,
            Value::Null | Value::Boolean(_) | Value::Float(_) => node.value.clone(),
        };
        Some(Node { at: node.at, value })
    }

    fn scalar(&mut self, node: &Node, problem: Option<Cause>) -> Option<Value> {
        match problem {
            Some(cause) => self.report(node.at, cause),
            None => Some(node.value.clone()),
        }
    }

    fn is_planned(&self, node: &Node) -> bool {
        self.planned.iter().any(|planned| planned.matches(&self.path, node.text()))
    }

    /// Nothing can be used of what has a problem.
    fn report<T>(&mut self, at: Position, cause: Cause) -> Option<T> {
        self.problems.push(Problem::new(at, cause));
        None
    }

    /// Follows a reference into the schema's definitions.
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).map_or(schema, |found| self.resolve(found)),
            None => schema,
        }
    }

    /// One of the alternatives has to fit. If none does, the problems of the one that was most likely meant are told.
    fn alternatives(&mut self, node: &Node, alternatives: &'s [Json]) -> Option<Node> {
        let resolved: Vec<&Json> = alternatives.iter().map(|alternative| self.resolve(alternative)).collect();
        let mut attempts = Vec::new();
        for schema in &resolved {
            match self.attempt(node, schema) {
                (usable, problems) if problems.is_empty() => return usable,
                (_, problems) => attempts.push((unknown_keys(node, schema), *schema, problems)),
            }
        }
        if let Some(text) = node.text()
            && let Some(cause) = self.text_of_none(text, &resolved)
        {
            return self.report(node.at, cause);
        }
        let is_planned = |problem: &Problem| problem.cause == Cause::NotSupportedYet;
        if !attempts.iter().any(|(_, _, problems)| problems.iter().any(is_planned))
            && let Some((at, cause)) = unknown_to_all(node, &resolved)
        {
            return self.report(at, cause);
        }
        let of_the_type = attempts.into_iter().filter(|(_, schema, _)| accepts_type(schema, &node.value));
        match of_the_type.min_by_key(|(unknown, _, problems)| (*unknown, problems.len())) {
            Some((_, _, problems)) => {
                self.problems.extend(problems);
                None
            }
            None => {
                let expected = resolved.iter().map(|schema| self.expected(schema)).collect();
                self.report(node.at, Cause::WrongType { expected: either(expected) })
            }
        }
    }

    /// What is to be said of a text that is none of several words, or of none of several formats.
    fn text_of_none(&self, text: &str, alternatives: &[&'s Json]) -> Option<Cause> {
        let words: Vec<&str> = alternatives.iter().flat_map(|schema| words(schema)).collect();
        if !words.is_empty() {
            let mappings = alternatives.iter().filter_map(|schema| outlined(schema));
            return Some(unknown_value(text, words, mappings.collect()));
        }
        let formats = alternatives.iter().filter(|schema| text_problem(text, schema).is_some());
        let expected: Vec<String> = formats.map(|schema| self.expected(schema)).collect();
        (expected.len() > 1).then(|| Cause::WrongType { expected: either(expected) })
    }

    fn attempt(&self, node: &Node, schema: &'s Json) -> (Option<Node>, Vec<Problem>) {
        let mut attempt = Check { path: self.path.clone(), problems: Vec::new(), ..*self };
        (attempt.node(node, schema), attempt.problems)
    }

    fn sequence(&mut self, node: &Node, items: &[Node], schema: &'s Json) -> Option<Vec<Node>> {
        let mut usable = Some(Vec::new());
        if let Some(minimum) = schema["minItems"].as_u64()
            && (items.len() as u64) < minimum
        {
            usable = self.report(node.at, Cause::TooFewItems { minimum });
        }
        let maximum = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        for (number, item) in (0..).zip(items).take_while(|(number, _)| *number <= maximum) {
            self.path.push(number.to_string());
            let checked = if number < maximum {
                self.node(item, &schema["items"])
            } else if self.is_planned(item) {
                self.report(item.at, Cause::NotSupportedYet)
            } else {
                self.report(item.at, Cause::TooManyItems { maximum })
            };
            usable = both(usable, checked);
            self.path.pop();
        }
        usable
    }

    fn mapping(&mut self, node: &Node, entries: &[Entry], schema: &'s Json) -> Option<Vec<Entry>> {
        let required = required(schema);
        let mut usable = Some(Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let first = entries[..index].iter().find(|earlier| earlier.name() == entry.name());
            let checked: Option<Entry> = match first {
                Some(first) => self.report(entry.key.at, Cause::DuplicateKey { first: first.key.at }),
                None => self.entry(entry, schema),
            };
            let may_be_left_out = first.is_some()
                || (schema["properties"].as_object().is_some() && !required.contains(&entry.name()));
            if checked.is_some() || !may_be_left_out {
                usable = both(usable, checked);
            }
        }
        for key in required {
            if !entries.iter().any(|entry| entry.name() == key) {
                usable = None;
                if !stands_instead(entries, key, schema) {
                    self.problems.push(Problem::new(node.at, Cause::MissingKey { key: key.to_owned() }));
                }
            }
        }
        usable
    }

    fn entry(&mut self, entry: &Entry, schema: &'s Json) -> Option<Entry> {
        self.path.push(entry.name().to_owned());
        let value = if let Some(property) = schema["properties"].get(entry.name()) {
            self.node(&entry.value, property)
        } else if self.is_planned(&entry.value) {
            self.report(entry.key.at, Cause::NotSupportedYet)
        } else if schema["additionalProperties"] == Json::Bool(false) {
            let cause = (self.unknown)(&self.path).map(|reason| Cause::Invalid { reason });
            self.report(
                entry.key.at,
                cause.unwrap_or_else(|| unknown_key(entry.name(), keys(schema).collect())),
            )
        } else {
            self.node(&entry.value, &schema["additionalProperties"])
        };
        self.path.pop();
        value.map(|value| Entry { key: entry.key.clone(), value })
    }

    /// What would be right in the place of what was written. A text that looks like a number, as versions do, is one
    /// only in quotes.
    fn expected_instead(&self, node: &Node, schema: &'s Json) -> String {
        let expected = self.expected(schema);
        let looks_otherwise = matches!(node.value, Value::Integer(_) | Value::Float(_) | Value::Boolean(_));
        if looks_otherwise && expected == name_of_type("string") {
            "a text in quotes".to_owned()
        } else {
            expected
        }
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

/// A collection of which every part can be used, and one part more.
fn both<T>(parts: Option<Vec<T>>, part: Option<T>) -> Option<Vec<T>> {
    let mut parts = parts?;
    parts.push(part?);
    Some(parts)
}

fn text_problem(text: &str, schema: &Json) -> Option<Cause> {
    let words = words(schema);
    if !words.is_empty() && !words.contains(&text) {
        return Some(unknown_value(text, words, Vec::new()));
    }
    let format = FORMATS.iter().find(|format| schema["format"] == format.name)?;
    (!(format.accepts)(text)).then_some(Cause::BadFormat { expected: format.expected })
}

fn number_problem(number: i128, schema: &Json) -> Option<Cause> {
    let minimum = schema["minimum"].as_i64();
    let maximum = schema["maximum"].as_u64().or_else(|| largest_of_type(schema));
    let too_small = minimum.is_some_and(|minimum| number < minimum.into());
    let too_large = maximum.is_some_and(|maximum| number > maximum.into());
    if !too_small && !too_large {
        return None;
    }
    let range = match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
        (Some(minimum), None) => format!("{minimum} or more"),
        (None, maximum) => format!("{} or less", maximum?),
    };
    Some(Cause::OutOfRange { range })
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
        Value::Boolean(_) => &["boolean"],
        Value::Integer(_) => &["integer", "number"],
        Value::Float(_) => &["number"],
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

/// `mappings` may stand in the place of the words, too.
fn unknown_value(text: &str, words: Vec<&str>, mappings: Vec<String>) -> Cause {
    let nearest = nearest(text, words.iter().copied()).map(str::to_owned);
    Cause::UnknownValue { nearest, known: owned(words).into_iter().chain(mappings).collect() }
}

/// How a mapping is written that has to have certain keys.
fn outlined(schema: &Json) -> Option<String> {
    let keys: Vec<String> = required(schema).into_iter().map(|key| format!("{key}: …")).collect();
    (!keys.is_empty()).then(|| format!("{{ {} }}", keys.join(", ")))
}

/// Whether another key was probably meant to be the missing one: a slip of it, or any where there is no choice. That
/// one is reported.
fn stands_instead(entries: &[Entry], missing: &str, schema: &Json) -> bool {
    let known = schema["properties"].as_object();
    let unknown = |entry: &&Entry| known.is_none_or(|known| !known.contains_key(entry.name()));
    let only_one_known = known.is_some_and(|known| known.len() == 1);
    entries.iter().filter(unknown).any(|entry| only_one_known || nearest(entry.name(), [missing]).is_some())
}

fn unknown_key(key: &str, known: Vec<&str>) -> Cause {
    let nearest = nearest(key, known.iter().copied()).map(str::to_owned);
    Cause::UnknownKey { nearest, known: owned(known) }
}

/// The keys of a mapping that a schema knows.
fn keys(schema: &Json) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str())
}

/// The keys of a mapping that must be there.
fn required(schema: &Json) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

/// What is to be said of a mapping of which no alternative knows any key: the keys of all of them would be right.
fn unknown_to_all(node: &Node, alternatives: &[&Json]) -> Option<(Position, Cause)> {
    let known: Vec<&str> = alternatives.iter().flat_map(|schema| keys(schema)).collect();
    let Some((first, at)) = node.keys().next() else {
        return Some((node.at, no_choice(node, alternatives)?));
    };
    let is_known = node.keys().any(|(key, _)| known.contains(&key));
    (!is_known && !known.is_empty()).then(|| (at, unknown_key(first, known)))
}

/// What is to be said of an empty mapping in the place of words and of mappings with one key each.
fn no_choice(node: &Node, alternatives: &[&Json]) -> Option<Cause> {
    let is_choice = |schema: &&Json| required(schema).len() <= 1;
    let known: Vec<&str> =
        alternatives.iter().flat_map(|schema| words(schema).into_iter().chain(required(schema))).collect();
    let is_mapping = matches!(node.value, Value::Mapping(_));
    (is_mapping && known.len() > 1 && alternatives.iter().all(is_choice))
        .then(|| Cause::NoChoice { known: owned(known) })
}

/// How many keys of a mapping a schema does not know: the alternative that knows its keys is the one that was meant.
pub(super) fn unknown_keys(node: &Node, schema: &Json) -> usize {
    node.keys().filter(|(name, _)| keys(schema).all(|key| key != *name)).count()
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
