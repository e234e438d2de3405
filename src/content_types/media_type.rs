//! Media types with their parameters (RFC 6838, RFC 2045): of what clients can receive, from policy files, and of what
//! the gatekeeper sends, from its words. How they compare stands in docs/content-types.md, too.

use std::fmt;

/// `type/subtype;name=value`. Type, subtype and parameter names are kept in lower case, as they compare without case
/// (RFC 2045, 5.1); values are kept as they are, without quotes and escapes, as they compare exactly, but for `charset`,
/// whose value is kept in lower case, too (RFC 2046, 4.1.2). The order of parameters means nothing (RFC 2045, 5.1): they
/// are kept in that of their names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType {
    /// `type/subtype`.
    essence: String,
    /// Names and values.
    parameters: Vec<(String, String)>,
}

/// Why a text is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaTypeError {
    #[error("a media type such as `image/jpeg` should stand here, without wildcards")]
    Name,
    #[error("a parameter of a media type is written `name=value` or `name=\"value\"`, after a semicolon")]
    Parameter,
    #[error("a parameter of a media type may be given only once")]
    DuplicateParameter,
    #[error("a media type of at most {} bytes should stand here", MediaType::LONGEST)]
    TooLong,
}

/// The one parameter whose values compare without case.
const CHARSET: &str = "charset";

impl MediaType {
    /// Bytes of a media type as it is written; a peer may send anything.
    pub const LONGEST: usize = 1024;

    /// Reads the syntax of RFC 2045, 5.1, without comments; names as RFC 6838, 4.2 and 4.3 restrict them, so no
    /// wildcards. Takes time linear in the text's length.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        if text.len() > Self::LONGEST {
            return Err(MediaTypeError::TooLong);
        }
        let (essence, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let essence = essence.trim_matches(is_space);
        let (kind, subtype) = essence.split_once('/').ok_or(MediaTypeError::Name)?;
        if !is_restricted_name(kind) || !is_restricted_name(subtype) {
            return Err(MediaTypeError::Name);
        }
        let mut parameters = Vec::new();
        while !rest.is_empty() {
            let (parameter, after) = parse_parameter(rest).ok_or(MediaTypeError::Parameter)?;
            parameters.push(parameter);
            rest = after;
        }
        parameters.sort();
        if parameters.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(MediaTypeError::DuplicateParameter);
        }
        Ok(Self { essence: essence.to_ascii_lowercase(), parameters })
    }

    /// `type/subtype`, in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The top-level type, in lower case.
    pub fn top_level(&self) -> &str {
        self.essence.split('/').next().unwrap_or_default()
    }

    /// Whether something of the type `received` can be received by who accepts this type: type and subtype are the
    /// same, and every parameter that this type names has the same value there. Parameters that this type does not
    /// name do not matter; a structured suffix (RFC 6838, 4.2.8) is part of the subtype and means nothing else.
    pub fn accepts(&self, received: &MediaType) -> bool {
        self.essence == received.essence
            && self.parameters.iter().all(|(name, value)| received.is_within(name, value))
    }

    /// Whether the parameter `name` is `value`, or says less. Only `charset` can say less: US-ASCII, which plain text is
    /// in when it names none (RFC 2046, 4.1.2; RFC 6657, 4), is UTF-8 as well.
    fn is_within(&self, name: &str, value: &str) -> bool {
        let named = self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let said = match named {
            None if name == CHARSET && self.essence == "text/plain" => Some("us-ascii"),
            named => named,
        };
        said == Some(value) || (name == CHARSET && said == Some("us-ascii") && value == "utf-8")
    }

    /// As it is written on the wire: a value stands in quotes only if it has to. It has no `Display`, as it may be a
    /// peer's.
    pub fn to_text(&self) -> String {
        let mut text = self.essence.clone();
        for (name, value) in &self.parameters {
            text.extend([";", name, "="]);
            if !value.is_empty() && value.bytes().all(is_token_byte) {
                text.push_str(value);
            } else {
                text.extend(["\"", &value.replace('\\', "\\\\").replace('"', "\\\""), "\""]);
            }
        }
        text
    }
}

/// Shows nothing of what may be a peer's.
impl fmt::Debug for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MediaType({} bytes)", self.to_text().len())
    }
}

/// Reads `;name=value` from the start of `text`. Returns name and value, and what stands after them.
fn parse_parameter(text: &str) -> Option<((String, String), &str)> {
    let text = text.strip_prefix(';')?;
    let (name, value) = text.split_once('=')?;
    let name = name.trim_matches(is_space);
    if !is_restricted_name(name) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let (mut value, rest) = match value.strip_prefix('"') {
        Some(quoted) => parse_quoted(quoted)?,
        None => parse_token(value)?,
    };
    if name == CHARSET {
        value.make_ascii_lowercase();
    }
    let rest = rest.trim_start_matches(is_space);
    (rest.is_empty() || rest.starts_with(';')).then_some(((name, value), rest))
}

fn parse_token(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c| c == ';' || is_space(c)).unwrap_or(text.len());
    let (token, rest) = text.split_at(end);
    (!token.is_empty() && token.bytes().all(is_token_byte)).then(|| (token.to_owned(), rest))
}

/// Reads a quoted string after its opening quote (RFC 2045, 5.1; RFC 5322, 3.2.4).
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next().map(|(_, escaped)| escaped).filter(|c| is_quotable(*c))?),
            _ if is_quotable(character) => value.push(character),
            _ => return None,
        }
    }
    None
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_quotable(character: char) -> bool {
    is_space(character) || character.is_ascii_graphic()
}

/// RFC 2045, 5.1: any visible ASCII character but `tspecials`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&byte)
}

/// `restricted-name` of RFC 6838, 4.2.
fn is_restricted_name(name: &str) -> bool {
    name.len() <= 127
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> MediaType {
        MediaType::parse(text).expect("a media type")
    }

    fn accepts(accepted: &str, received: &str) -> bool {
        parse(accepted).accepts(&parse(received))
    }

    /// RFC 2045, 5.1; RFC 6838, 4.2 and 4.3.
    #[test]
    fn names_compare_without_case_and_values_exactly() {
        assert_eq!(parse("Text/PLAIN;Format=flowed"), parse("text/plain;format=flowed"));
        assert_ne!(parse("text/plain;format=Flowed"), parse("text/plain;format=flowed"));
        assert_ne!(parse("text/plain"), parse("text/plain;charset=utf-8"));
    }

    /// RFC 2046, 4.1.2.
    #[test]
    fn a_charset_compares_without_case() {
        assert_eq!(parse("text/plain;charset=UTF-8"), parse("text/plain;CHARSET=utf-8"));
        assert_eq!(parse("text/plain;charset=\"Utf-8\"").to_text(), "text/plain;charset=utf-8");
    }

    /// RFC 2046, 4.1.2; RFC 6657, 4: only plain text has a charset when it names none.
    #[test]
    fn plain_text_without_a_charset_is_ascii_and_so_utf_8() {
        assert!(accepts("text/plain;charset=utf-8", "text/plain"));
        assert!(accepts("text/plain;charset=utf-8", "text/plain;charset=US-ASCII"));
        assert!(accepts("text/plain;charset=us-ascii", "text/plain"));
        assert!(!accepts("text/plain;charset=us-ascii", "text/plain;charset=utf-8"));
        assert!(!accepts("text/plain;charset=iso-8859-1", "text/plain"));
        assert!(!accepts("text/markdown;charset=utf-8", "text/markdown"));
    }

    #[test]
    fn what_accepts_a_type_accepts_it_with_more_parameters() {
        assert!(accepts("audio/ogg", "audio/ogg;codecs=opus"));
        assert!(accepts("audio/ogg;codecs=opus", "audio/ogg;rate=48000;codecs=opus"));
        assert!(!accepts("audio/ogg;codecs=opus", "audio/ogg"));
        assert!(!accepts("audio/ogg;codecs=opus", "audio/ogg;codecs=vorbis"));
        assert!(!accepts("audio/ogg", "audio/opus"));
    }

    /// RFC 6838, 4.2.8; RFC 6839. Facets (RFC 6838, 3) are part of the name as well.
    #[test]
    fn a_suffix_and_a_facet_are_part_of_the_subtype() {
        assert!(!accepts("application/xml", "image/svg+xml"));
        assert!(!accepts("application/json", "application/senml+json"));
        assert!(!accepts("image/svg", "image/svg+xml"));
        assert!(!accepts("application/example", "application/vnd.example"));
        assert_eq!(parse("IMAGE/SVG+XML").to_text(), "image/svg+xml");
    }

    /// RFC 6838, 4.2.
    #[test]
    fn a_name_has_at_most_127_characters_of_a_small_set() {
        let long = "a".repeat(127);
        assert_eq!(parse(&format!("{long}/{long}")).essence().len(), 255);
        assert_eq!(MediaType::parse(&format!("a/{long}a")), Err(MediaTypeError::Name));
        assert_eq!(parse("9/a!#$&-^_.+").essence(), "9/a!#$&-^_.+");
        for wrong in ["a/+b", "a/.b", "a/b%", "a/b'", "a/b*", "a/b~", "a/b`", "a/{b}", "a/\u{e4}"] {
            assert_eq!(MediaType::parse(wrong), Err(MediaTypeError::Name), "{wrong}");
        }
    }

    #[test]
    fn a_media_type_that_is_too_long_is_refused() {
        let of = |length: usize| format!("a/b;x={}", "y".repeat(length - "a/b;x=".len()));
        assert!(MediaType::parse(&of(MediaType::LONGEST)).is_ok());
        assert_eq!(MediaType::parse(&of(MediaType::LONGEST + 1)), Err(MediaTypeError::TooLong));
    }

    #[test]
    fn what_is_debugged_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", parse("image/jpeg")), "MediaType(10 bytes)");
    }

    #[test]
    fn the_order_of_parameters_means_nothing() {
        assert_eq!(parse("audio/ogg; codecs=opus; rate=48000"), parse("audio/ogg;rate=48000;codecs=opus"));
    }

    #[test]
    fn a_value_is_kept_without_quotes_and_escapes() {
        assert_eq!(parse(r#"text/plain;charset="utf-8""#), parse("text/plain;charset=utf-8"));
        let parameters = |text| parse(text).parameters;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parameters(r#"a/b; x="c; \"d\" \\" ; y=e"#), [pair("x", r#"c; "d" \"#), pair("y", "e")]);
        assert_eq!(parameters(r#"a/b;x="""#), [pair("x", "")]);
    }

    #[test]
    fn what_is_displayed_is_read_back_the_same() {
        for text in
            ["image/svg+xml", r#"a/b;x="c; \"d\" \\";y=e"#, r#"a/b;x="""#, "text/markdown;variant=GFM-MIMI"]
        {
            let media_type = parse(text);
            assert_eq!(media_type.to_text(), text);
            assert_eq!(parse(&media_type.to_text()), media_type);
        }
    }

    #[test]
    fn what_is_not_a_media_type_says_why() {
        use MediaTypeError::{DuplicateParameter, Name, Parameter};
        for (text, error) in [
            ("", Name),
            ("image", Name),
            ("image/", Name),
            ("/jpeg", Name),
            ("*/*", Name),
            ("image/*", Name),
            ("a/b/c", Name),
            ("i mage/jpeg", Name),
            ("a/b;", Parameter),
            ("a/b;x", Parameter),
            ("a/b;x=", Parameter),
            ("a/b;=y", Parameter),
            ("a/b;x=\"y", Parameter),
            ("a/b;x=\"y\"z", Parameter),
            ("a/b;x=y z", Parameter),
            ("a/b;x=\u{e9}", Parameter),
            ("a/b;x=1;X=2", DuplicateParameter),
        ] {
            assert_eq!(MediaType::parse(text), Err(error), "{text}");
        }
    }
}
