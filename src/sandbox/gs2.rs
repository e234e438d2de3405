//! The GS2 header (RFC 5801, section 4) that SCRAM's and OAUTHBEARER's first messages start with.

/// Why a header cannot be taken. It never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gs2Error {
    #[error("the message does not start with a GS2 header")]
    Malformed,
    #[error("the header asks for a channel binding or for a mechanism that is none of GSS-API's")]
    Unsupported,
}

/// What stands before the mechanism's own message.
#[derive(Clone, PartialEq, Eq)]
pub struct Gs2Header<'m> {
    /// As it was written, with its two commas.
    pub raw: &'m str,
    /// Whom the client wants to act as, if it says so.
    pub authorization: Option<String>,
}

impl<'m> Gs2Header<'m> {
    /// Splits a first message into the header and what follows it.
    pub fn split(message: &'m str) -> Result<(Self, &'m str), Gs2Error> {
        let (flag, rest) = message.split_once(',').ok_or(Gs2Error::Malformed)?;
        let (authorization, body) = rest.split_once(',').ok_or(Gs2Error::Malformed)?;
        match flag {
            "n" | "y" => {}
            _ if flag == "F" || flag.starts_with("p=") => return Err(Gs2Error::Unsupported),
            _ => return Err(Gs2Error::Malformed),
        }
        let authorization = match authorization.strip_prefix("a=") {
            Some(name) => Some(unescape(name)?),
            None if authorization.is_empty() => None,
            None => return Err(Gs2Error::Malformed),
        };
        let (raw, _) = message.split_at(message.len() - body.len());
        Ok((Self { raw, authorization }, body))
    }
}

/// A `saslname`: a comma is written `=2C`, an equals sign `=3D`, and nothing else starts with one.
fn unescape(name: &str) -> Result<String, Gs2Error> {
    let mut pieces = name.split('=');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (character, rest) = piece
            .strip_prefix("2C")
            .map(|rest| (',', rest))
            .or_else(|| piece.strip_prefix("3D").map(|rest| ('=', rest)))
            .ok_or(Gs2Error::Malformed)?;
        text.push(character);
        text.push_str(rest);
    }
    if text.is_empty() { Err(Gs2Error::Malformed) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_at_its_second_comma() {
        for (message, authorization, raw, body) in [
            ("n,,n=user,r=x", None, "n,,", "n=user,r=x"),
            ("y,,", None, "y,,", ""),
            (
                "n,a=ann@gatekeeper.example,\u{1}auth=",
                Some("ann@gatekeeper.example"),
                "n,a=ann@gatekeeper.example,",
                "\u{1}auth=",
            ),
            ("n,a=x=2Cy=3D3D,z", Some("x,y=3D"), "n,a=x=2Cy=3D3D,", "z"),
        ] {
            let (header, rest) = Gs2Header::split(message).ok().unwrap();
            assert_eq!((header.authorization.as_deref(), header.raw, rest), (authorization, raw, body));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for message in ["", "n", "n,", ",,", "x,,", "n,b=x,", "n,a=,", "n,a=x=,", "n,a==2c,", "n,ann,"] {
            assert_eq!(Gs2Header::split(message).err(), Some(Gs2Error::Malformed), "{message}");
        }
        for message in ["p=tls-exporter,,n=user,r=x", "F,n,,n=user,r=x"] {
            assert_eq!(Gs2Header::split(message).err(), Some(Gs2Error::Unsupported), "{message}");
        }
    }
}
