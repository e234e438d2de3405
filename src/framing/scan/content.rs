//! What stands between tags: character data, references, CDATA sections, and which markup may follow.

use super::super::RefusalKind;
use super::super::characters::{common_characters, multibyte_character};
use super::super::reference::reference_length;
use super::super::search::{end_of_section, end_of_text};
use super::{CompleteKind, Grammar, Mode, Place, Scanner, Step, Stop};

impl Scanner<'_> {
    /// The first byte of a frame in the root or after it.
    pub(super) fn frame_start(&mut self, at: usize) -> Step {
        match (self.byte(at, Mode::FrameStart)?, self.surroundings.place, self.surroundings.grammar) {
            (b'<', ..) => Ok((Mode::Content, at)), // No text: the markup follows at once.
            (_, Place::Root, Grammar::Document) => Ok((Mode::RootText, at)),
            (_, Place::Root, Grammar::Stream) => self.refuse_at(RefusalKind::TextBetweenStanzas, at),
            (_, Place::Prolog | Place::Epilog, _) => self.refuse_at(RefusalKind::TextOutsideRoot, at),
        }
    }

    /// `[43]` content, up to the next markup.
    #[inline(always)]
    pub(super) fn content(&mut self, at: usize) -> Step {
        let at = self.text(at, Mode::Content)?;
        self.markup(at + 1)
    }

    /// Text directly in the root of a document, up to the next markup.
    pub(super) fn root_text(&mut self, at: usize) -> Step {
        let end = self.text(at, Mode::RootText)?;
        self.complete(CompleteKind::Text, end)
    }

    /// `[14]` CharData and `[67]` Reference: the position of the `<` that ends them.
    #[inline(always)]
    fn text(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        while self.bytes.get(at) != Some(&b'<') {
            at = end_of_text(self.bytes, at);
            at = match self.byte(at, mode)? {
                b'<' => at,
                b'&' => self.reference(at, mode)?,
                b'>' if self.bytes[..at].ends_with(b"]]") => {
                    return self.refuse_at(RefusalKind::SectionEndInText, at);
                }
                byte => self.character(byte, at, mode)?,
            };
        }
        Ok(at)
    }

    /// What follows `<`: `[40]` STag or `[44]` EmptyElemTag, `[42]` ETag, a CDATA section, or something that is not
    /// allowed, as is `[16]` PI.
    #[inline(always)]
    pub(super) fn markup(&mut self, at: usize) -> Step {
        match self.byte(at, Mode::Markup)? {
            b'/' => self.end_tag(at + 1),
            b'!' => self.declared_markup(at + 1),
            b'?' => self.refuse_at(RefusalKind::ProcessingInstruction, at),
            _ => self.start_tag(at),
        }
    }

    /// What follows `<!`: `[19]` CDStart, or what RFC 6120, 11.1 takes out: `[15]` Comment, `[28]` doctypedecl. It is short:
    /// when it is incomplete, it is looked at again from the `!` on.
    fn declared_markup(&mut self, at: usize) -> Step {
        let rest = &self.bytes[at..];
        for (word, refusal) in [
            (&b"[CDATA["[..], None),
            (b"--", Some(RefusalKind::Comment)),
            (b"DOCTYPE", Some(RefusalKind::Doctype)),
        ] {
            match refusal {
                Some(kind) if rest.starts_with(word) => return self.refuse_at(kind, at),
                None if rest.starts_with(word) => return self.section_start(at + word.len()),
                _ if word.starts_with(rest) => return self.pause(Mode::Markup, at - 1),
                _ => {}
            }
        }
        self.refuse_at(RefusalKind::BadMarkup, at)
    }

    /// `[19]` CDStart: a section is allowed inside of elements.
    fn section_start(&mut self, at: usize) -> Step {
        match (self.scan.open.is_empty(), self.surroundings.place, self.surroundings.grammar) {
            (false, ..) | (true, Place::Root, Grammar::Document) => Ok((Mode::Section, at)),
            (true, Place::Root, Grammar::Stream) => self.refuse_at(RefusalKind::TextBetweenStanzas, at),
            (true, Place::Prolog | Place::Epilog, _) => self.refuse_at(RefusalKind::TextOutsideRoot, at),
        }
    }

    /// `[20]` CData and `[21]` CDEnd. Before the section stands `[`, so that looking back stays inside of it.
    pub(super) fn section(&mut self, mut at: usize) -> Step {
        loop {
            at = end_of_section(self.bytes, at);
            match self.byte(at, Mode::Section)? {
                b'>' if self.bytes[..at].ends_with(b"]]") => break,
                byte => at = self.character(byte, at, Mode::Section)?,
            }
        }
        match self.scan.open.is_empty() {
            false => Ok((Mode::Content, at + 1)),
            true => self.complete(CompleteKind::Text, at + 1),
        }
    }

    /// `[67]` Reference, from its `&` on: the position after it. It is short: when incomplete, it is read
    /// again.
    pub(super) fn reference(&mut self, at: usize, mode: Mode) -> Result<usize, Stop> {
        match reference_length(&self.bytes[at + 1..]) {
            Ok(Some(length)) => Ok(at + 1 + length),
            Ok(None) => self.pause(mode, at),
            Err(kind) => self.refuse_at(kind, at),
        }
    }

    /// `[2]` Char: the position after it, or, if it is not ASCII, after the run of such characters that it
    /// begins.
    #[inline]
    pub(super) fn character(&mut self, byte: u8, at: usize, mode: Mode) -> Result<usize, Stop> {
        match byte {
            b'\t' | b'\n' | b'\r' | 0x20..0x80 => Ok(at + 1),
            0x80.. => self.characters_beyond_ascii(at, mode),
            _ => self.refuse_at(RefusalKind::BadCharacter, at),
        }
    }

    fn characters_beyond_ascii(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (length, after) = common_characters(rest);
            at += length;
            if after.first().is_none_or(u8::is_ascii) {
                return Ok(at);
            }
            match multibyte_character(after) {
                Ok(Some(character)) => at += character.len_utf8(),
                Ok(None) => return self.pause(mode, at),
                Err(kind) => return self.refuse_at(kind, at),
            }
        }
    }
}
