//! What precedes the root: the encoding's first signs, the XML declaration, white space.

use super::super::RefusalKind;
use super::super::characters::is_space;
use super::{Mode, Scanner, Step};

impl Scanner<'_> {
    /// The first bytes of an epoch. A byte order mark or a wide encoding shows here; a declaration may stand
    /// only here. They are few: when they are incomplete, they are looked at again from the start.
    pub(super) fn epoch(&mut self, at: usize) -> Step {
        let rest = &self.bytes[at..];
        match rest {
            [0xef, 0xbb, 0xbf, ..] => self.refuse_at(RefusalKind::ByteOrderMark, at),
            [0xff | 0xfe | 0x00, ..] | [b'<', 0x00, ..] => self.refuse_at(RefusalKind::WideEncoding, at),
            [b'<', b'?', b'x', b'm', b'l', after, ..] if is_space(*after) => Ok((Mode::Declaration, at + 5)),
            [] | [0xef] | [0xef, 0xbb] => self.pause(Mode::Epoch, at),
            _ if b"<?xml".starts_with(rest) => self.pause(Mode::Epoch, at),
            _ => Ok((Mode::Prolog, at)),
        }
    }

    /// `[23]` XMLDecl. It is read in one go when its end is there; until then only its end is looked for.
    pub(super) fn declaration(&mut self, at: usize) -> Step {
        let Some(length) = self.bytes[at..].iter().position(|byte| *byte == b'>') else {
            return self.pause(Mode::Declaration, self.bytes.len());
        };
        let end = at + length;
        match check_declaration(&self.bytes[..end]) {
            Ok(()) => Ok((Mode::Prolog, end + 1)),
            Err(kind) => self.refuse_at(kind, 0),
        }
    }

    /// `[27]` Misc before the root, of which only white space is allowed.
    pub(super) fn prolog(&mut self, at: usize) -> Step {
        let at = self.skip_space(at, Mode::Prolog)?;
        match self.bytes[at] {
            b'<' => Ok((Mode::Markup, at + 1)),
            _ => self.refuse_at(RefusalKind::TextOutsideRoot, at),
        }
    }
}

/// `[23]` XMLDecl, given from its `<?xml` up to before the `>`: version 1.0, no encoding but UTF-8.
fn check_declaration(declaration: &[u8]) -> Result<(), RefusalKind> {
    let bad = RefusalKind::BadDeclaration;
    let rest = declaration.strip_prefix(b"<?xml").and_then(|rest| rest.strip_suffix(b"?")).ok_or(bad)?;
    let (version, rest) = pseudo_attribute(rest, b"version").ok_or(bad)?;
    if version != b"1.0" {
        return Err(if is_version_number(version) { RefusalKind::DeclaredVersion } else { bad });
    }
    let (encoding, rest) = pseudo_attribute(rest, b"encoding").unwrap_or((b"UTF-8", rest));
    if !encoding.eq_ignore_ascii_case(b"UTF-8") {
        return Err(if is_encoding_name(encoding) { RefusalKind::DeclaredEncoding } else { bad });
    }
    let (standalone, rest) = pseudo_attribute(rest, b"standalone").unwrap_or((b"no", rest));
    let well_formed = matches!(standalone, b"yes" | b"no") && rest.iter().copied().all(is_space);
    if well_formed { Ok(()) } else { Err(bad) }
}

/// `[24]` VersionInfo, `[80]` EncodingDecl or `[32]` SDDecl: white space, the name, `[25]` Eq, the quoted value.
/// Returns the value and what follows it.
fn pseudo_attribute<'d>(text: &'d [u8], name: &[u8]) -> Option<(&'d [u8], &'d [u8])> {
    let named = trim_start(text);
    if named.len() == text.len() {
        return None;
    }
    let value = trim_start(named.strip_prefix(name)?);
    let value = trim_start(value.strip_prefix(b"=")?);
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let end = value.iter().position(|byte| byte == quote)?;
    Some((&value[..end], &value[end + 1..]))
}

fn trim_start(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| is_space(**byte)).count();
    &text[length..]
}

/// `[26]` VersionNum, of any version of XML 1.
fn is_version_number(text: &[u8]) -> bool {
    text.strip_prefix(b"1.").is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// `[81]` EncName.
fn is_encoding_name(text: &[u8]) -> bool {
    let [first, rest @ ..] = text else {
        return false;
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    first.is_ascii_alphabetic() && rest.iter().all(allowed)
}
