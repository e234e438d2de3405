//! What a client does with media: it seals and uploads, and it fetches, verifies and opens. The message that tells of a
//! blob is not its part.

mod download;
mod upload;

use reqwest::{RequestBuilder, Url};

use super::ApiError;
use crate::sandbox::http::{CallError, Caller};
use crate::sandbox::media::{Dimensions, MediaClass, OpenError, ReferenceError, SealError};

/// Who the client's user is, where that has to be said.
#[derive(Clone)]
pub enum Authorization {
    /// A provider's user: the provider's token.
    Token(String),
    /// One of the gatekeeper's own.
    Password { account: String, password: String },
}

/// From where blobs are fetched that others have sent.
#[derive(Clone)]
pub enum Source {
    /// From where they are, which has to be one of these origins: a message shall not make a client call anybody. Nobody
    /// is told who asks.
    Direct { origins: Vec<String> },
    /// Through the gatekeeper's media proxy.
    Proxy { url: String },
}

/// A user's way to media.
#[derive(Clone)]
pub struct Media {
    pub caller: Caller,
    pub authorization: Authorization,
    /// Where the user's own blobs are uploaded.
    pub endpoint: String,
    pub source: Source,
}

/// What is inside of a blob, in its sender's words.
#[derive(Clone, Debug)]
pub struct About {
    pub class: MediaClass,
    pub media_type: String,
    pub name: Option<String>,
    /// In milliseconds.
    pub duration: Option<u64>,
    pub dimensions: Option<Dimensions>,
}

impl About {
    pub fn new(class: MediaClass, media_type: &str) -> Self {
        Self { class, media_type: media_type.to_owned(), name: None, duration: None, dimensions: None }
    }
}

/// Why a blob was not uploaded, or not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error("what is to be sent has another size than was said, or cannot be read")]
    Source,
    #[error("what was received cannot be written")]
    Sink,
    #[error("the blob is somewhere else than media are fetched from")]
    Elsewhere,
    #[error("the blob is not the one that was begun with, or has another size than its sender says")]
    Changed,
    #[error("the blob broke off too often")]
    BrokenOff,
    #[error("the answer is none to what was asked")]
    WrongAnswer,
}

impl From<CallError> for MediaError {
    fn from(error: CallError) -> Self {
        Self::Api(error.into())
    }
}

impl Authorization {
    fn show(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Token(token) => request.bearer_auth(token),
            Self::Password { account, password } => request.basic_auth(account, Some(password)),
        }
    }
}

impl Source {
    /// Where a blob is asked for.
    fn place(&self, blob: &str) -> Result<Url, MediaError> {
        match self {
            Self::Direct { origins } => {
                let url = Url::parse(blob).map_err(|_| MediaError::Elsewhere)?;
                let mut known = origins.iter().filter_map(|origin| Url::parse(origin).ok());
                let is_known = known.any(|known| known.origin() == url.origin());
                if is_known { Ok(url) } else { Err(MediaError::Elsewhere) }
            }
            Self::Proxy { url } => {
                Url::parse_with_params(url, [("url", blob)]).map_err(|_| MediaError::Elsewhere)
            }
        }
    }
}
