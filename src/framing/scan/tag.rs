//! Tags as they are written: names, white space, attributes. What they mean is in
//! [`element`](super::element).

use super::super::characters::{
    is_ascii_name, is_ascii_name_start, is_name_character, is_space, multibyte_character, plain_name_length,
};
use super::super::search::{end_of_value, equal};
use super::super::{RefusalKind, Span};
use super::element::Namespace;
use super::{Fault, Mode, Place, Scanner, Step, Stop};

/// The tag that the scan is in, and the name or value that it is reading there.
#[derive(Default)]
pub(super) struct Tag {
    pub(super) name: QualifiedName,
    /// The name that is being read: the tag's own or an attribute's.
    pub(super) reading: QualifiedName,
    /// Where the value that is being read begins.
    value: u32,
    quote: u8,
    /// The value that is being read holds a reference, or white space other than U+0020.
    escaped: bool,
    /// Two of its attributes' names may be the same.
    pub(super) may_repeat: bool,
    /// A bit for the hash of each attribute's name.
    seen: u64,
    /// Attributes with a prefix, declarations not counted.
    pub(super) prefixed: u32,
    /// What was in scope before this tag.
    pub(super) bindings_before: u32,
    pub(super) default_before: Namespace,
}

/// The positions of a QName (Namespaces in XML, `[7]`); without a prefix, the local part begins where the name
/// begins.
#[derive(Clone, Copy, Default)]
pub(super) struct QualifiedName {
    start: u32,
    local: u32,
    end: u32,
}

impl QualifiedName {
    /// A name without a prefix.
    #[inline]
    fn plain(start: usize, end: usize) -> Self {
        Self { start: start as u32, local: start as u32, end: end as u32 }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    fn end(self) -> usize {
        self.end as usize
    }

    #[inline]
    pub(super) fn has_prefix(self) -> bool {
        self.local != self.start
    }

    #[inline]
    pub(super) fn whole(self) -> Span {
        Span { start: self.start, len: self.end - self.start }
    }

    /// Without the colon; empty if there is none.
    pub(super) fn prefix(self) -> Span {
        Span { start: self.start, len: (self.local - self.start).saturating_sub(1) }
    }

    #[inline]
    pub(super) fn local_part(self) -> Span {
        Span { start: self.local, len: self.end - self.local }
    }

    pub(super) fn fault(self, kind: RefusalKind) -> Fault {
        Fault { kind, position: self.start() }
    }

    /// The same name, with the local part after the colon in `text`, if there is one.
    pub(super) fn split_at_colon(self, text: &[u8]) -> Self {
        let colon = text.iter().position(|byte| *byte == b':');
        Self { local: colon.map_or(self.start, |colon| self.start + colon as u32 + 1), ..self }
    }
}

impl Scanner<'_> {
    /// `[40]` STag or `[44]` EmptyElemTag, from the first byte of its name on.
    #[inline(always)]
    pub(super) fn start_tag(&mut self, at: usize) -> Step {
        let limits = self.surroundings.limits;
        match self.surroundings.place {
            Place::Epilog => return self.refuse_at(RefusalKind::SecondRoot, at),
            Place::Root if self.scan.open.len() >= limits.depth => {
                return self.refuse_at(RefusalKind::TooDeep, at);
            }
            Place::Root if self.scan.elements >= limits.elements => {
                return self.refuse_at(RefusalKind::TooManyElements, at);
            }
            Place::Root | Place::Prolog => {}
        }
        self.scan.elements += 1;
        self.scan.attributes.clear();
        self.scan.tag = Tag {
            bindings_before: self.scan.bindings.len() as u32,
            default_before: self.scan.default,
            ..Tag::default()
        };
        let name = self.begin_name(at, Mode::Name)?;
        self.scan.tag.name = name;
        self.in_tag(name.end())
    }

    /// The rest of a start tag's name.
    pub(super) fn name(&mut self, at: usize) -> Result<usize, Stop> {
        self.scan.tag.name = self.qualified_name(at, Mode::Name)?;
        Ok(self.scan.tag.name.end())
    }

    /// After the name or an attribute of a start tag: white space and attributes, up to the tag's end.
    #[inline(always)]
    pub(super) fn in_tag(&mut self, mut at: usize) -> Step {
        loop {
            match self.byte(at, Mode::InTag)? {
                b'>' => return self.begin_element(at + 1),
                b'/' => return self.empty_tag(at + 1),
                byte if is_space(byte) => at = self.after_space(at + 1)?,
                _ if self.scan.attributes.is_empty() => return self.refuse_at(RefusalKind::BadName, at),
                _ => return self.refuse_at(RefusalKind::MissingWhiteSpace, at),
            }
        }
    }

    /// `[44]` EmptyElemTag, after its `/`.
    #[inline]
    pub(super) fn empty_tag(&mut self, at: usize) -> Step {
        match self.byte(at, Mode::EmptyTag)? {
            b'>' => self.empty_element(at + 1),
            _ => self.refuse_at(RefusalKind::BadTag, at),
        }
    }

    /// After white space in a start tag: past an attribute, if there is one.
    #[inline(always)]
    pub(super) fn after_space(&mut self, at: usize) -> Result<usize, Stop> {
        let at = self.skip_space(at, Mode::AfterSpace)?;
        match self.bytes[at] {
            b'>' | b'/' => Ok(at),
            _ if self.scan.attributes.len() >= self.surroundings.limits.attributes => {
                self.refuse_at(RefusalKind::TooManyAttributes, at)
            }
            _ => self.attribute(at),
        }
    }

    /// `[41]` Attribute.
    #[inline(always)]
    fn attribute(&mut self, at: usize) -> Result<usize, Stop> {
        let name = self.begin_name(at, Mode::AttributeName)?;
        let at = self.equals(name.end())?;
        let at = self.quote(at)?;
        self.value(at)
    }

    /// The rest of an attribute's name.
    pub(super) fn attribute_name(&mut self, at: usize) -> Result<usize, Stop> {
        Ok(self.qualified_name(at, Mode::AttributeName)?.end())
    }

    /// `[25]` Eq, up to its `=`.
    #[inline(always)]
    pub(super) fn equals(&mut self, at: usize) -> Result<usize, Stop> {
        let at = self.skip_space(at, Mode::Equals)?;
        match self.bytes[at] {
            b'=' => Ok(at + 1),
            _ => self.refuse_at(RefusalKind::BadAttribute, at),
        }
    }

    /// The white space after `=` (`[25]` Eq), and the quote that opens `[10]` AttValue.
    #[inline(always)]
    pub(super) fn quote(&mut self, at: usize) -> Result<usize, Stop> {
        let at = self.skip_space(at, Mode::Quote)?;
        let quote = self.bytes[at];
        if !matches!(quote, b'"' | b'\'') {
            return self.refuse_at(RefusalKind::BadAttribute, at);
        }
        let tag = &mut self.scan.tag;
        (tag.quote, tag.value, tag.escaped) = (quote, at as u32 + 1, false);
        Ok(at + 1)
    }

    /// `[10]` AttValue, after its opening quote, and what the attribute means.
    #[inline(always)]
    pub(super) fn value(&mut self, mut at: usize) -> Result<usize, Stop> {
        loop {
            at = end_of_value(self.bytes, at);
            match self.byte(at, Mode::Value)? {
                byte if byte == self.scan.tag.quote => break,
                b'"' | b'\'' => at += 1,
                byte => at = self.character_in_value(byte, at)?,
            }
        }
        self.note_attribute(at)?;
        Ok(at + 1)
    }

    /// What cannot stand in an attribute's value as it is, or needs a closer look.
    #[inline(never)]
    fn character_in_value(&mut self, byte: u8, at: usize) -> Result<usize, Stop> {
        match byte {
            b'<' => self.refuse_at(RefusalKind::LessThanInAttribute, at),
            b'&' => {
                self.scan.tag.escaped = true;
                self.reference(at, Mode::Value)
            }
            _ => {
                self.scan.tag.escaped |= byte < 0x20;
                self.character(byte, at, Mode::Value)
            }
        }
    }

    /// Takes in an attribute whose value ends before `end`.
    #[inline(always)]
    fn note_attribute(&mut self, end: usize) -> Result<(), Stop> {
        let tag = &mut self.scan.tag;
        let value = Span { start: tag.value, len: end as u32 - tag.value };
        let (name, escaped) = (tag.reading, tag.escaped);
        let text = name.whole().of(self.bytes);
        let bit = hash_bit(text);
        tag.may_repeat |= tag.seen & bit != 0;
        tag.seen |= bit;
        if text.starts_with(b"xmlns") && matches!(text.get(5), None | Some(b':')) {
            self.declare(name, value, escaped).or_else(|fault| self.refuse(fault))?;
        } else if name.has_prefix() {
            self.scan.tag.prefixed += 1;
        } else if self.scan.open.is_empty() {
            self.scan.outline.note_attribute(text, value, escaped);
        }
        self.scan.attributes.push(name);
        Ok(())
    }

    /// `[42]` ETag, after its `</`.
    #[inline(always)]
    pub(super) fn end_tag(&mut self, at: usize) -> Step {
        if self.scan.open.is_empty() && self.surroundings.place != Place::Root {
            return self.refuse_at(RefusalKind::MismatchedTag, at);
        }
        self.scan.tag.reading = QualifiedName::plain(at, at);
        let at = self.end_name(at)?;
        self.end_space(at)
    }

    /// The name of an end tag, compared with the open element's as far as the bytes reach.
    #[inline(always)]
    pub(super) fn end_name(&mut self, at: usize) -> Result<usize, Stop> {
        let expected = self.expected_end_name();
        let rest = expected.get(at - self.scan.tag.reading.start()..).unwrap_or_default();
        let available = &self.bytes[at..];
        if available.get(..rest.len()).is_some_and(|name| equal(name, rest)) {
            let at = at + rest.len();
            self.scan.tag.reading.end = at as u32;
            return Ok(at);
        }
        let same = rest.iter().zip(available).take_while(|(one, other)| one == other).count();
        if same < available.len() {
            return self.refuse_at(RefusalKind::MismatchedTag, at + same);
        }
        self.pause(Mode::EndName, at + same)
    }

    /// `[42]` ETag, after its name: white space and `>`.
    #[inline(always)]
    pub(super) fn end_space(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::EndSpace)?;
        match self.bytes[at] {
            b'>' => self.close_element(at + 1),
            _ if at == self.scan.tag.reading.end as usize => self.refuse_at(RefusalKind::MismatchedTag, at),
            _ => self.refuse_at(RefusalKind::BadTag, at),
        }
    }

    /// `[3]` S, as much as there is: the position of the first other byte, which is there.
    #[inline(always)]
    pub(super) fn skip_space(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        while is_space(self.byte(at, mode)?) {
            at += 1;
        }
        Ok(at)
    }

    /// A QName (Namespaces in XML, `[7]`) from its first byte on. The first byte after it is there.
    ///
    /// Most names are ASCII without a prefix, and end in the bytes: they are through with one look at each
    /// byte.
    #[inline(always)]
    fn begin_name(&mut self, at: usize, mode: Mode) -> Result<QualifiedName, Stop> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = plain_name_length(rest).unwrap_or_default();
        let name = QualifiedName::plain(at, at + length);
        self.scan.tag.reading = name;
        if length > 0 { Ok(name) } else { self.qualified_name(at, mode) }
    }

    /// Any QName, from any position in it on.
    #[inline(never)]
    fn qualified_name(&mut self, mut at: usize, mode: Mode) -> Result<QualifiedName, Stop> {
        loop {
            let local = self.scan.tag.reading.local as usize;
            if at > local || self.bytes.get(at).is_some_and(|byte| is_ascii_name_start(*byte)) {
                at = self.skip_ascii_name(at);
            }
            match self.byte(at, mode)? {
                b':' if at > local && !self.scan.tag.reading.has_prefix() => {
                    at += 1;
                    self.scan.tag.reading.local = at as u32;
                }
                b':' => return self.refuse_at(RefusalKind::BadQualifiedName, at),
                0x80.. => at = self.name_character_beyond_ascii(at, at == local, mode)?,
                _ if at > local => break,
                _ if self.scan.tag.reading.has_prefix() => {
                    return self.refuse_at(RefusalKind::BadQualifiedName, at);
                }
                _ => return self.refuse_at(RefusalKind::BadName, at),
            }
        }
        self.scan.tag.reading.end = at as u32;
        Ok(self.scan.tag.reading)
    }

    fn skip_ascii_name(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !is_ascii_name(*byte)).unwrap_or(rest.len())
    }

    /// `[4]` NameStartChar or `[4a]` NameChar beyond ASCII: the position after it.
    fn name_character_beyond_ascii(&mut self, at: usize, first: bool, mode: Mode) -> Result<usize, Stop> {
        match multibyte_character(&self.bytes[at..]) {
            Ok(Some(character)) if is_name_character(character, first) => Ok(at + character.len_utf8()),
            Ok(Some(_)) => self.refuse_at(RefusalKind::BadName, at),
            Ok(None) => self.pause(mode, at),
            Err(kind) => self.refuse_at(kind, at),
        }
    }
}

/// One of 64 bits for a name. It spreads the few short names that stanzas use; equal bits only cost a closer
/// look.
#[inline]
fn hash_bit(name: &[u8]) -> u64 {
    let (first, last) = (name.first().copied().unwrap_or_default(), name.last().copied().unwrap_or_default());
    let hash = usize::from(first).wrapping_mul(7) ^ usize::from(last).wrapping_mul(3) ^ name.len();
    1 << (hash & 63)
}
