"""Weakenings of the gate: each takes one of its rules away, as a mistake or a careless optimisation would.

A line is a name, a file of src/framing, a text that stands there exactly once, and what stands there instead.
"""

WEAKENINGS = [
    (
        "less-than-in-attribute",
        "scan/tag.rs",
        "b'<' => self.refuse_at(RefusalKind::LessThanInAttribute, at),",
        "b'<' => Ok(at + 1),",
    ),
    (
        "control-characters",
        "scan/content.rs",
        "_ => self.refuse_at(RefusalKind::BadCharacter, at),",
        "_ => Ok(at + 1),",
    ),
    (
        "control-characters-in-long-runs",
        "search.rs",
        "fold(byte.cast_signed() < LOWEST,",
        "fold(byte.cast_signed() < 0,",
    ),
    (
        "noncharacters",
        "characters.rs",
        "match char::from_u32(code) {\n        Some('\\u{fffe}' | '\\u{ffff}') => Err(RefusalKind::BadCharacter),",
        "match char::from_u32(code) {",
    ),
    ("lead-bytes-that-swallow-a-tag", "characters.rs", "if !allowed {", "if !allowed && byte >= 0x80 {"),
    (
        "continuation-bytes",
        "characters.rs",
        "if position == 0 { second.contains(&byte) } else { byte & 0xc0 == 0x80 }",
        "if position == 0 { second.contains(&byte) } else { byte & 0x80 == 0x80 }",
    ),
    ("references-to-surrogates", "characters.rs", "0x20..=0xd7ff | 0xe000..=0xfffd", "0x20..=0xfffd"),
    ("digits-begin-names", "characters.rs", "b'0'..=b'9' | b'-' | b'.' => NAME | URI,", "b'0'..=b'9' | b'-' | b'.' => NAME | NAME_START | URI,"),
    (
        "names-beyond-ascii",
        "names.rs",
        "pub(super) fn is_name_start(character: char) -> bool {\n    contains(LETTERS, character)",
        "pub(super) fn is_name_start(character: char) -> bool {\n    contains(LETTERS, character) || contains(OTHERS, character)",
    ),
    (
        "two-colons",
        "scan/tag.rs",
        "b':' if at > local && !self.scan.tag.reading.has_prefix() => {",
        "b':' if at > local => {",
    ),
    (
        "undeclared-prefixes",
        "scan/element.rs",
        "_ => Err(name.fault(RefusalKind::UndeclaredPrefix)),",
        "_ => Ok(Namespace::None),",
    ),
    (
        "prefixes-outlive-their-element",
        "scan/element.rs",
        "self.scan.bindings.truncate(self.bytes, bindings as usize);",
        "let _ = bindings;",
    ),
    (
        "default-namespace-outlives-its-element",
        "scan/element.rs",
        "self.scan.default = default;",
        "let _ = default;",
    ),
    (
        "equal-names-by-another-prefix",
        "scan/element.rs",
        "self.scan.outline.watched |= watched;\n        check_unique(&mut names)",
        "self.scan.outline.watched |= watched;\n        Ok(())",
    ),
    ("equal-names", "scan/tag.rs", "tag.may_repeat |= tag.seen & bit != 0;", ""),
    (
        "no-space-between-attributes",
        "scan/tag.rs",
        "_ => return self.refuse_at(RefusalKind::MissingWhiteSpace, at),",
        "_ => at = self.after_space(at)?,",
    ),
    (
        "end-of-section-in-text",
        "scan/content.rs",
        "return self.refuse_at(RefusalKind::SectionEndInText, at);",
        "at + 1",
    ),
    ("references-in-namespaces", "scan/element.rs", "is_uri && !escaped)", "is_uri || escaped)"),
    ("second-roots", "scan/tag.rs", "Place::Epilog => return self.refuse_at(RefusalKind::SecondRoot, at),", "Place::Epilog => {}"),
    (
        "a-cut-inside-a-character",
        "scan/content.rs",
        "Ok(None) => return self.pause(mode, at),\n                Err(kind)",
        "Ok(None) => return self.pause(mode, at + 1),\n                Err(kind)",
    ),
]
