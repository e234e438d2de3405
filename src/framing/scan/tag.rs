//! Tags as they are written: names, white space, attributes. What they mean is in [`element`](super::element).

use super::super::characters::{
    find_special, is_ascii_name, is_ascii_name_start, is_name_character, is_space, multibyte_character,
};
use super::super::{RefusalKind, Span};
use super::element::Namespace;
use super::{Mode, Place, Scanner, Step, Stop, refuse};

/// The tag that the scan is in, and the name or value that it is reading there.
#[derive(Default)]
pub(super) struct Tag {
    pub(super) name: QualifiedName,
    /// The name that is being read: the tag's own or an attribute's.
    pub(super) reading: QualifiedName,
    /// Where the value that is being read begins.
    value: usize,
    quote: u8,
    /// The value that is being read holds a reference, or white space other than U+0020.
    escaped: bool,
    /// A bit for the hash of each attribute's name, and whether one was set already: if not, no two are the same.
    seen: u64,
    pub(super) may_repeat: bool,
    /// Attributes with a prefix, declarations not counted.
    pub(super) prefixed: usize,
    /// What was in scope before this tag.
    pub(super) bindings_before: usize,
    pub(super) default_before: Namespace,
}

/// The positions of a QName (Namespaces in XML, [7]); without a prefix, the local part begins where the name begins.
#[derive(Clone, Copy, Default)]
pub(super) struct QualifiedName {
    pub(super) start: usize,
    pub(super) local: usize,
    pub(super) end: usize,
}

impl QualifiedName {
    pub(super) fn has_prefix(self) -> bool {
        self.local != self.start
    }

    pub(super) fn whole(self) -> Span {
        Span::between(self.start, self.end)
    }

    /// Without the colon; empty if there is none.
    pub(super) fn prefix(self) -> Span {
        Span::between(self.start, self.local.saturating_sub(1).max(self.start))
    }

    pub(super) fn local_part(self) -> Span {
        Span::between(self.local, self.end)
    }
}

/// An attribute of the tag that the scan is in, other than its value.
#[derive(Clone, Copy)]
pub(super) struct Attribute {
    start: u32,
    local: u32,
    end: u32,
}

impl Attribute {
    pub(super) fn name(self) -> QualifiedName {
        QualifiedName { start: self.start as usize, local: self.local as usize, end: self.end as usize }
    }
}

impl Scanner<'_> {
    /// [40] STag or [44] EmptyElemTag, from the first byte of its name on.
    pub(super) fn start_tag(&mut self, at: usize) -> Step {
        let limits = self.surroundings.limits;
        match self.surroundings.place {
            Place::Epilog => return refuse(RefusalKind::SecondRoot, at),
            Place::Root if self.scan.open.len() >= limits.depth => return refuse(RefusalKind::TooDeep, at),
            Place::Root if self.scan.elements >= limits.elements => {
                return refuse(RefusalKind::TooManyElements, at);
            }
            Place::Root | Place::Prolog => {}
        }
        self.scan.elements += 1;
        self.scan.attributes.clear();
        self.scan.tag = Tag {
            reading: QualifiedName { start: at, local: at, end: at },
            bindings_before: self.scan.bindings.len(),
            default_before: self.scan.default,
            ..Tag::default()
        };
        self.name(at)
    }

    /// The name of a start tag.
    pub(super) fn name(&mut self, at: usize) -> Step {
        self.scan.tag.name = self.qualified_name(at, Mode::Name)?;
        self.in_tag(self.scan.tag.name.end)
    }

    /// After the name or an attribute of a start tag: white space, or the tag's end.
    #[inline]
    pub(super) fn in_tag(&mut self, at: usize) -> Step {
        match self.byte(at, Mode::InTag)? {
            b'>' => self.open_element(at + 1),
            b'/' => self.empty_tag(at + 1),
            byte if is_space(byte) => self.before_attribute(at + 1),
            _ if self.scan.attributes.is_empty() => refuse(RefusalKind::BadName, at),
            _ => refuse(RefusalKind::MissingWhiteSpace, at),
        }
    }

    /// After white space in a start tag: an attribute, or the tag's end.
    pub(super) fn before_attribute(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::BeforeAttribute)?;
        match self.bytes[at] {
            b'>' => self.open_element(at + 1),
            b'/' => self.empty_tag(at + 1),
            _ if self.scan.attributes.len() >= self.surroundings.limits.attributes => {
                refuse(RefusalKind::TooManyAttributes, at)
            }
            _ => {
                self.scan.tag.reading = QualifiedName { start: at, local: at, end: at };
                self.attribute_name(at)
            }
        }
    }

    /// [41] Attribute: its name.
    pub(super) fn attribute_name(&mut self, at: usize) -> Step {
        let name = self.qualified_name(at, Mode::AttributeName)?;
        self.scan.tag.reading = name;
        self.equals(name.end)
    }

    /// [25] Eq: white space and `=`.
    pub(super) fn equals(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::Equals)?;
        match self.bytes[at] {
            b'=' => self.quote(at + 1),
            _ => refuse(RefusalKind::BadAttribute, at),
        }
    }

    /// [25] Eq, after its `=`, and the quote that opens [10] AttValue.
    pub(super) fn quote(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::Quote)?;
        let quote = self.bytes[at];
        if !matches!(quote, b'"' | b'\'') {
            return refuse(RefusalKind::BadAttribute, at);
        }
        self.scan.tag.quote = quote;
        self.scan.tag.value = at + 1;
        self.scan.tag.escaped = false;
        Ok((Mode::Value, at + 1))
    }

    /// [10] AttValue, after its opening quote, and what the attribute means.
    pub(super) fn value(&mut self, mut at: usize) -> Step {
        let quote = self.scan.tag.quote;
        loop {
            at = find_special(self.bytes, at, [quote, b'<', b'&']);
            match self.byte(at, Mode::Value)? {
                byte if byte == quote => break,
                b'<' => return refuse(RefusalKind::LessThanInAttribute, at),
                b'&' => {
                    self.scan.tag.escaped = true;
                    at = self.reference(at, Mode::Value)?;
                }
                byte => {
                    self.scan.tag.escaped |= byte < 0x20;
                    at = self.character(byte, at, Mode::Value)?;
                }
            }
        }
        self.attribute(at)?;
        Ok((Mode::InTag, at + 1))
    }

    /// Takes in an attribute whose value ends before `end`.
    fn attribute(&mut self, end: usize) -> Result<(), Stop> {
        let tag = &mut self.scan.tag;
        let (name, value, escaped) = (tag.reading, Span::between(tag.value, end), tag.escaped);
        let text = &self.bytes[name.start..name.end];
        let bit = hash_bit(text);
        tag.may_repeat |= tag.seen & bit != 0;
        tag.seen |= bit;
        if name.has_prefix() && self.span(name.prefix()) == b"xmlns" || text == b"xmlns" {
            self.declare(name, value, escaped)?;
        } else if name.has_prefix() {
            self.scan.tag.prefixed += 1;
        } else if self.scan.open.is_empty() {
            self.scan.outline.note_attribute(text, value, escaped);
        }
        let (start, local, end) = (name.start as u32, name.local as u32, name.end as u32);
        self.scan.attributes.push(Attribute { start, local, end });
        Ok(())
    }

    /// [44] EmptyElemTag, after its `/`.
    pub(super) fn empty_tag(&mut self, at: usize) -> Step {
        match self.byte(at, Mode::EmptyTag)? {
            b'>' => self.empty_element(at + 1),
            _ => refuse(RefusalKind::BadTag, at),
        }
    }

    /// [42] ETag, after its `</`.
    pub(super) fn end_tag(&mut self, at: usize) -> Step {
        let root_is_open = self.surroundings.place == Place::Root;
        if self.scan.open.is_empty() && !root_is_open {
            return refuse(RefusalKind::MismatchedTag, at);
        }
        self.scan.tag.reading = QualifiedName { start: at, local: at, end: at };
        self.end_name(at)
    }

    /// The name of an end tag, compared with the open element's as far as the bytes reach.
    pub(super) fn end_name(&mut self, at: usize) -> Step {
        let expected = self.expected_end_name();
        let rest = expected.get(at - self.scan.tag.reading.start..).unwrap_or_default();
        let available = &self.bytes[at..];
        if let Some(available) = available.get(..rest.len())
            && available == rest
        {
            let at = at + rest.len();
            self.scan.tag.reading.end = at;
            return self.end_space(at);
        }
        let same = rest.iter().zip(available).take_while(|(one, other)| one == other).count();
        if same < available.len() {
            return refuse(RefusalKind::MismatchedTag, at + same);
        }
        self.pause(Mode::EndName, at + same)
    }

    /// [42] ETag, after its name: white space and `>`.
    pub(super) fn end_space(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::EndSpace)?;
        match self.bytes[at] {
            b'>' => self.close_element(at + 1),
            _ if at == self.scan.tag.reading.end => refuse(RefusalKind::MismatchedTag, at),
            _ => refuse(RefusalKind::BadTag, at),
        }
    }

    /// [3] S, as much as there is: the position of the first other byte, which is there.
    #[inline]
    pub(super) fn skip_space(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        while is_space(self.byte(at, mode)?) {
            at += 1;
        }
        Ok(at)
    }

    /// A QName (Namespaces in XML, [7]), up to the first byte that cannot be in one.
    #[inline]
    fn qualified_name(&mut self, mut at: usize, mode: Mode) -> Result<QualifiedName, Stop> {
        let mut name = self.scan.tag.reading;
        loop {
            let first = at == name.local;
            match self.bytes.get(at) {
                Some(&byte) if is_ascii_name_start(byte) || !first && is_ascii_name(byte) => at += 1,
                Some(b':') if name.has_prefix() || first => return refuse(RefusalKind::BadQualifiedName, at),
                Some(b':') => {
                    at += 1;
                    name.local = at;
                }
                Some(0x80..) => match multibyte_character(&self.bytes[at..]) {
                    Ok(Some(character)) if is_name_character(character, first) => at += character.len_utf8(),
                    Ok(Some(_)) => return refuse(RefusalKind::BadName, at),
                    Ok(None) => break,
                    Err(kind) => return refuse(kind, at),
                },
                Some(_) if first && name.has_prefix() => return refuse(RefusalKind::BadQualifiedName, at),
                Some(_) if first => return refuse(RefusalKind::BadName, at),
                Some(_) => {
                    name.end = at;
                    return Ok(name);
                }
                None => break,
            }
        }
        self.scan.tag.reading = name;
        self.pause(mode, at)
    }
}

/// One of 64 bits for a name. It spreads the few short names that stanzas use; equal bits only cost a closer look.
#[inline]
fn hash_bit(name: &[u8]) -> u64 {
    let (first, last) = (name.first().copied().unwrap_or_default(), name.last().copied().unwrap_or_default());
    let hash = usize::from(first).wrapping_mul(7) ^ usize::from(last).wrapping_mul(3) ^ name.len();
    1 << (hash & 63)
}
