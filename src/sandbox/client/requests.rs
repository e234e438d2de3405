//! Requests and their answers (RFC 6120, section 8.2.3). What else comes before an answer waits to be received.

use super::{Arrival, Client, ClientError};
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::STANZA_ERRORS;

/// Stanzas that may come before an answer.
const MOST_BEFORE: usize = 1024;

/// What is asked.
#[derive(Clone, Copy)]
pub enum Request {
    Get,
    Set,
}

/// A request is not granted: the conditions that mean something to who asks (RFC 6120, section 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("item-not-found")]
    NotFound,
    #[error("forbidden")]
    Forbidden,
    #[error("bad-request")]
    BadRequest,
    #[error("not-acceptable")]
    NotAcceptable,
    #[error("resource-constraint")]
    ResourceConstraint,
    #[error("service-unavailable")]
    Unavailable,
    #[error("another condition")]
    Other,
}

/// The conditions by their names.
const CONDITIONS: [(&str, Refused); 6] = [
    ("item-not-found", Refused::NotFound),
    ("forbidden", Refused::Forbidden),
    ("bad-request", Refused::BadRequest),
    ("not-acceptable", Refused::NotAcceptable),
    ("resource-constraint", Refused::ResourceConstraint),
    ("service-unavailable", Refused::Unavailable),
];

impl Client {
    /// Asks an account something and waits for the answer, which has one element in it, or none.
    pub async fn ask(
        &mut self,
        to: &str,
        request: Request,
        content: &str,
    ) -> Result<Result<Option<Element>, Refused>, ClientError> {
        self.asked += 1;
        let (id, address) = (format!("ask-{}", self.asked), escape(to));
        let kind = match request {
            Request::Get => "get",
            Request::Set => "set",
        };
        self.send(format!("<iq id='{id}' to='{address}' type='{kind}'>{content}</iq>").as_bytes()).await?;
        // Who else answers in its place is not believed.
        let is_answer = |iq: &Element| {
            iq.name == "iq"
                && iq.attribute("id") == Some(&id)
                && iq.attribute("from") == Some(to)
                && matches!(iq.attribute("type"), Some("result" | "error"))
        };
        loop {
            let arrival = self.in_time(Self::new_arrival).await?;
            let Some(stanza) = self.take(arrival).await? else { continue };
            if !is_answer(&stanza.root) {
                if self.before.len() >= MOST_BEFORE {
                    return Err(ClientError::Unexpected);
                }
                self.before.push_back(stanza);
                continue;
            }
            let mut answer = stanza.root;
            if answer.attribute("type") == Some("error") {
                return Ok(Err(Refused::of(&answer)));
            }
            return Ok(Ok((!answer.children.is_empty()).then(|| answer.children.remove(0))));
        }
    }

    /// What comes from the server next, whatever waits.
    async fn new_arrival(&mut self) -> Result<Arrival, ClientError> {
        Ok(Arrival::New(self.connection.receive().await?))
    }
}

impl Refused {
    fn of(answer: &Element) -> Self {
        let error = answer.children.iter().find(|child| child.name == "error");
        let is_there = |name: &str| error.is_some_and(|error| error.child(STANZA_ERRORS, name).is_some());
        let known = CONDITIONS.into_iter().find(|(name, _)| is_there(name));
        known.map_or(Self::Other, |(_, refused)| refused)
    }
}
