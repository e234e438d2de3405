//! An independent look at a document's bytes, for what decides which judgement is due. The gate is not asked.

use rxml::error::EndOrError;
use rxml::parser::WithOptions;
use rxml::{Parse, Parser};
use vestibule::framing::RefusalKind;

/// Something that RFC 6120 takes out of XML (11.1, 11.6), or another version: refused as what it is, not as
/// ill-formed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restriction {
    pub(super) kind: RefusalKind,
    /// Bytes before it.
    start: usize,
}

/// What an XML declaration says.
struct Declaration<'d> {
    version: &'d str,
    encoding: &'d str,
}

impl Restriction {
    /// The first one in a document.
    pub(super) fn first(document: &[u8]) -> Option<Self> {
        let at_the_start = |kind| Some(Self { kind, start: 0 });
        match document {
            [0xef, 0xbb, 0xbf, ..] => return at_the_start(RefusalKind::ByteOrderMark),
            [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..] => {
                return at_the_start(RefusalKind::WideEncoding);
            }
            _ => {}
        }
        match parse_declaration(declaration(document)) {
            Some(declaration) if declaration.version != "1.0" => at_the_start(RefusalKind::DeclaredVersion),
            Some(declaration) if !declaration.encoding.eq_ignore_ascii_case("UTF-8") => {
                at_the_start(RefusalKind::DeclaredEncoding)
            }
            _ => Self::first_markup(document),
        }
    }

    /// Outside of a CDATA section, `<` begins markup wherever it stands.
    fn first_markup(document: &[u8]) -> Option<Self> {
        let mut start = declaration(document).len();
        loop {
            start += find(&document[start..], b"<")?;
            let rest = &document[start..];
            if rest.starts_with(b"<![CDATA[") {
                start += find(rest, b"]]>")?;
                continue;
            }
            let markup = [
                (&b"<?"[..], RefusalKind::ProcessingInstruction),
                (b"<!--", RefusalKind::Comment),
                (b"<!DOCTYPE", RefusalKind::Doctype),
            ];
            if let Some((_, kind)) = markup.into_iter().find(|(opening, _)| rest.starts_with(opening)) {
                return Some(Self { kind, start });
            }
            start += 1;
        }
    }

    /// Bytes before the one that it is refused at: in markup, the first that tells it from other markup.
    pub(super) fn refused_at(self) -> u64 {
        let opening = match self.kind {
            RefusalKind::ProcessingInstruction => 1,
            RefusalKind::Comment | RefusalKind::Doctype => 2,
            _ => 0,
        };
        (self.start + opening) as u64
    }

    /// Whether what precedes it can be the beginning of a well-formed document, and it may stand there: rxml reads
    /// as far without a complaint.
    ///
    /// The declaration is not rxml's to judge: it takes no `standalone` without `encoding`.
    pub(super) fn comes_before_any_fault(self, document: &[u8]) -> bool {
        if self.start == 0 {
            return true;
        }
        let declaration = declaration(document);
        if !declaration.is_empty() && parse_declaration(declaration).is_none() {
            return false;
        }
        let input = [b"<?xml version='1.0'?>", &document[declaration.len()..=self.start]].concat();
        let options = rxml::Options { max_token_length: input.len(), ..rxml::Options::default() };
        let (mut input, mut parser) = (input.as_slice(), Parser::with_options(options));
        loop {
            match parser.parse(&mut input, false) {
                Ok(Some(_)) => {}
                Ok(None) | Err(EndOrError::NeedMoreData) => return true,
                Err(EndOrError::Error(_)) => return false,
            }
        }
    }

    /// The position after it, if it is a comment (`[15]`) or a processing instruction (`[16]`) with nothing wrong
    /// inside.
    fn end(self, document: &[u8]) -> Option<usize> {
        let (opening, end, closing) = match self.kind {
            RefusalKind::Comment => (4, &b"--"[..], &b"-->"[..]),
            RefusalKind::ProcessingInstruction => (2, &b"?>"[..], &b"?>"[..]),
            _ => return None,
        };
        let rest = &document[self.start + opening..];
        let (inside, after) = rest.split_at(find(rest, end)?);
        let inside = std::str::from_utf8(inside).ok()?;
        let harmless = inside.chars().all(is_character)
            && (self.kind == RefusalKind::Comment || inside.split(is_space).next().is_some_and(is_target));
        (harmless && after.starts_with(closing)).then(|| document.len() - after.len() + closing.len())
    }
}

/// A document with each of its comments and processing instructions turned into a space, up to its first fault: so
/// that the rest is judged as well. None if there is more that is restricted.
pub(super) fn without_comments(document: &[u8]) -> Option<Vec<u8>> {
    let mut document = document.to_vec();
    while let Some(restriction) = Restriction::first(&document) {
        if !restriction.comes_before_any_fault(&document) {
            break;
        }
        let end = restriction.end(&document)?;
        document.splice(restriction.start..end, *b" ");
    }
    Some(document)
}

/// The document's XML declaration as it is written, up to the first `>`; empty if it has none. It begins with
/// `<?xml` and white space.
fn declaration(document: &[u8]) -> &[u8] {
    match document.strip_prefix(b"<?xml") {
        Some([b' ' | b'\t' | b'\r' | b'\n', ..]) => {
            &document[..find(document, b">").map_or(document.len(), |end| end + 1)]
        }
        _ => b"",
    }
}

/// `[23]` XMLDecl, if it is well-formed: each part in its order, with a value that it may have.
fn parse_declaration(declaration: &[u8]) -> Option<Declaration<'_>> {
    let mut rest = std::str::from_utf8(declaration).ok()?.strip_prefix("<?xml")?.strip_suffix("?>")?;
    let mut part = |name: &str| {
        let named = rest.strip_prefix(is_space)?.trim_start_matches(is_space).strip_prefix(name)?;
        let value = named.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
        let quote = value.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
        let (value, after) = value[1..].split_once(quote)?;
        rest = after;
        Some(value)
    };
    let version = part("version")?;
    let encoding = part("encoding").unwrap_or("UTF-8");
    let standalone = part("standalone").unwrap_or("no");
    let number = version.strip_prefix("1.")?;
    let well_formed = !number.is_empty()
        && number.chars().all(|character| character.is_ascii_digit())
        && encoding.starts_with(|first: char| first.is_ascii_alphabetic())
        && encoding.chars().all(is_ascii_name)
        && matches!(standalone, "yes" | "no")
        && rest.chars().all(is_space);
    well_formed.then_some(Declaration { version, encoding })
}

/// `[17]` PITarget, in ASCII.
fn is_target(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(is_ascii_name)
        && !text.eq_ignore_ascii_case("xml")
}

fn is_ascii_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

/// `[2]` Char.
fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// `[3]` S.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
