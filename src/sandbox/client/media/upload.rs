//! Uploading a blob that is sealed while it is sent: neither the one nor the other is ever whole in memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf};
use zeroize::Zeroizing;

use super::{About, Media, MediaError};
use crate::sandbox::client::enlistment::refused;
use crate::sandbox::http::CallError;
use crate::sandbox::media::{MediaReference, OCTETS, SealError, Sealed, Sealer, Sha256, sealed_size};

/// For a whole upload.
const LONGEST: Duration = Duration::from_secs(300);
/// What is read at a time, in bytes.
const CHUNK: usize = 32 * 1024;
/// Of what answers an upload, in bytes.
const LARGEST_ANSWER: usize = 4096;

impl Media {
    /// Seals and uploads what is read, which has to have so many bytes. What is returned opens it: it belongs into an
    /// encrypted message.
    pub async fn upload<R>(&self, plain: R, size: u64, about: About) -> Result<MediaReference, MediaError>
    where
        R: AsyncRead + Unpin + Send + Sync + 'static,
    {
        let (sealer, key) = Sealer::new()?;
        let done = Arc::default();
        let left = sealed_size(size).ok_or(SealError::TooLong)?;
        let buffer = Zeroizing::new(vec![0; CHUNK]);
        let body =
            Sealing { plain, buffer, unread: size, sealer: Some(sealer), left, done: Arc::clone(&done) };
        let request = self.caller.client().post(&self.endpoint).timeout(LONGEST);
        let request = self.authorization.show(request).header(CONTENT_TYPE, OCTETS).body(Body::wrap(body));
        let response = request.send().await;
        let sealed = *done.lock().unwrap_or_else(PoisonError::into_inner);
        let response = match (response, sealed) {
            (Ok(response), _) => response,
            // Whoever is to be sent something has to have it.
            (Err(_), Some(Err(error))) => return Err(error),
            (Err(error), _) => return Err(CallError::from(error).into()),
        };
        if response.status() != StatusCode::CREATED {
            return Err(refused(response).await.into());
        }
        let sealed = sealed.unwrap_or(Err(MediaError::WrongAnswer))?;
        let url = self.stored(response, sealed).await?;
        let About { class, media_type, name, duration, dimensions } = about;
        let Sealed { size, sha256 } = sealed;
        let reference =
            MediaReference { url, key, size, sha256, media_type, class, name, duration, dimensions };
        reference.to_json()?;
        Ok(reference)
    }

    /// Where the blob is, if the store says that it has what was sent.
    async fn stored(&self, mut response: Response, sealed: Sealed) -> Result<String, MediaError> {
        #[derive(Deserialize)]
        struct Kept {
            size: u64,
            sha256: Sha256,
        }
        let endpoint = Url::parse(&self.endpoint).map_err(|_| MediaError::WrongAnswer)?;
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| endpoint.join(location).ok());
        let url = url.filter(|url| url.origin() == endpoint.origin()).ok_or(MediaError::WrongAnswer)?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(CallError::from)? {
            answer.extend_from_slice(&chunk);
            if answer.len() > LARGEST_ANSWER {
                return Err(MediaError::WrongAnswer);
            }
        }
        let kept: Kept = serde_json::from_slice(&answer).map_err(|_| MediaError::WrongAnswer)?;
        let is_whole = (kept.size, kept.sha256) == (sealed.size, sealed.sha256);
        if is_whole { Ok(url.into()) } else { Err(MediaError::WrongAnswer) }
    }
}

/// What came of sealing, once it has ended.
type Done = Arc<Mutex<Option<Result<Sealed, MediaError>>>>;

/// The body of an upload: what is read, sealed.
struct Sealing<R> {
    plain: R,
    buffer: Zeroizing<Vec<u8>>,
    /// What is still to be read, in bytes.
    unread: u64,
    /// Until all is sealed.
    sealer: Option<Sealer>,
    /// What is still to be sent, in bytes.
    left: u64,
    done: Done,
}

impl<R: AsyncRead + Unpin> Sealing<R> {
    /// Seals what is read next, into nothing if no segment is full yet.
    fn seal_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<u8>, MediaError>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let read = ready!(Pin::new(&mut self.plain).poll_read(context, &mut buffer));
        let count = buffer.filled().len();
        Poll::Ready(read.map_err(|_| MediaError::Source).and_then(|()| self.seal(count)))
    }

    /// Seals so much of the buffer; nothing is the end.
    fn seal(&mut self, count: usize) -> Result<Vec<u8>, MediaError> {
        let mut sealed = Vec::new();
        let sealer = self.sealer.as_mut().ok_or(MediaError::Source)?;
        self.unread = self.unread.checked_sub(count as u64).ok_or(MediaError::Source)?;
        sealer.push(&self.buffer[..count], &mut sealed)?;
        if count == 0 {
            let sealer = self.sealer.take().filter(|_| self.unread == 0).ok_or(MediaError::Source)?;
            let whole = sealer.finish(&mut sealed)?;
            self.settle(Ok(whole));
        }
        Ok(sealed)
    }

    fn settle(&self, result: Result<Sealed, MediaError>) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl<R: AsyncRead + Unpin> HttpBody for Sealing<R> {
    type Data = Bytes;
    type Error = MediaError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MediaError>>> {
        while self.sealer.is_some() {
            match ready!(self.seal_next(context)) {
                Ok(sealed) if sealed.is_empty() => {}
                Ok(sealed) => {
                    self.left = self.left.saturating_sub(sealed.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(sealed.into()))));
                }
                Err(error) => {
                    self.sealer = None;
                    self.settle(Err(error));
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.sealer.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
