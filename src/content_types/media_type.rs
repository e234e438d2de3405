//! Media types with their parameters (RFC 6838, RFC 2045). They come from policy files, never from a peer.

use std::fmt;

/// `type/subtype;name=value`. Type, subtype and parameter names are kept in lower case, as they compare without case;
/// values are kept as they are, without quotes and escapes, as they compare exactly. The order of parameters means
/// nothing (RFC 2045, 5.1): they are kept in that of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

impl MediaType {
    /// Reads the syntax of RFC 2045, 5.1, without comments; names as RFC 6838, 4.2 restricts them, so no wildcards.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
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

    /// Whether something of the type `received` can be received by who accepts this type: type and subtype are the
    /// same, and every parameter that this type names has the same value there. Parameters that this type does not
    /// name do not matter.
    pub fn accepts(&self, received: &MediaType) -> bool {
        self.essence == received.essence
            && self.parameters.iter().all(|parameter| received.parameters.contains(parameter))
    }
}

/// As on the wire: a value stands in quotes only if it has to.
impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            if !value.is_empty() && value.bytes().all(is_token_byte) {
                write!(f, ";{name}={value}")?;
            } else {
                write!(f, ";{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
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
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => parse_quoted(quoted)?,
        None => {
            let (token, rest) =
                value.split_at(value.find(|c| c == ';' || is_space(c)).unwrap_or(value.len()));
            if token.is_empty() || !token.bytes().all(is_token_byte) {
                return None;
            }
            (token.to_owned(), rest)
        }
    };
    let rest = rest.trim_start_matches(is_space);
    (rest.is_empty() || rest.starts_with(';')).then(|| ((name.to_ascii_lowercase(), value), rest))
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

    #[test]
    fn names_compare_without_case_and_values_exactly() {
        assert_eq!(parse("Text/PLAIN;CharSet=utf-8"), parse("text/plain;charset=utf-8"));
        assert_ne!(parse("text/plain;charset=UTF-8"), parse("text/plain;charset=utf-8"));
        assert_ne!(parse("text/plain"), parse("text/plain;charset=utf-8"));
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
            assert_eq!(media_type.to_string(), text);
            assert_eq!(parse(&media_type.to_string()), media_type);
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
