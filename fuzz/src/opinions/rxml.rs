//! rxml: as strict as the gate wants to be, and written by others.

use rxml::error::EndOrError;
use rxml::parser::WithOptions;
use rxml::{Event, Parse};

use super::Refused;
use crate::reading::{Builder, Name, Reading};

/// Longer tokens than any test has: the default would refuse attribute values that XML allows.
const LONGEST_TOKEN: usize = 1 << 24;

fn parser() -> rxml::Parser {
    rxml::Parser::with_options(rxml::Options { max_token_length: LONGEST_TOKEN, ..rxml::Options::default() })
}

/// Whether it refuses `input` although more may come.
pub(super) fn refuses_the_beginning(input: &[u8]) -> bool {
    let (mut parser, mut rest) = (parser(), input);
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(_)) => {}
            Ok(None) | Err(EndOrError::NeedMoreData) => return false,
            Err(EndOrError::Error(_)) => return true,
        }
    }
}

pub(super) fn read(document: &[u8]) -> Result<Reading, Refused> {
    let (mut parser, mut builder, mut rest) = (parser(), Builder::default(), document);
    while let Some(event) = parser.parse(&mut rest, true).map_err(|error| Refused(format!("{error:?}")))? {
        // Lengths are not summed up: an empty CDATA section counts as no bytes at all.
        let end = document.len() - rest.len();
        let start = Some(end - event.metrics().len());
        match event {
            Event::XmlDeclaration(..) => {}
            Event::Text(_, text) => builder.text(&text),
            Event::StartElement(_, (namespace, name), attributes) => {
                let attributes = attributes.iter().map(|((namespace, name), value)| {
                    (Name::new(namespace.as_str(), name.as_str()), value.clone())
                });
                builder.start(Name::new(namespace.as_str(), name.as_str()), attributes.collect(), start, end);
            }
            Event::EndElement(_) => builder.end(start, end),
        }
    }
    Ok(builder.finish())
}
