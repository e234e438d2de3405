//! A stream before TLS, as STARTTLS has it on either leg (RFC 6120, 5): read through the gate, frame by frame, written
//! as a whole, and bounded in what may come. What is said on it is decided by who negotiates; when it takes too long, too.

#[cfg(test)]
pub mod testing;

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::framing::{Decoded, Frame, FrameDecoder, Limits, Refusal, Vocabulary};

/// Bytes that are read at once: a header, or features, seldom have more.
const PIECE: usize = 1024;

/// How long the last words may take to leave, and the peer to hang up after them; and how many bytes it may send in that
/// time, which are what may be on the way when it hears them.
const ENDING_TIME: Duration = Duration::from_secs(1);
const ENDING_BYTES: usize = 64 * 1024;

/// The tag that closes a stream whose header was our own.
pub const CLOSING: &[u8] = b"</stream:stream>";

/// Both directions of a stream in the clear. The connection is only borrowed: TLS follows on it.
pub struct PlainStream<'s, S> {
    stream: &'s mut S,
    decoder: FrameDecoder,
    buffer: Box<[u8; PIECE]>,
    /// What of the buffer was read from the stream and has not been looked at.
    unread: Range<usize>,
    /// Bytes that may still come.
    room: usize,
    /// Something was written in part: nothing that makes sense can follow.
    interrupted: bool,
}

/// Why a stream before TLS cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    #[error("the gate refused: {0}")]
    Refused(#[from] Refusal),
    #[error("more bytes than one header and one element may have")]
    TooMuch,
    #[error("the connection ended first")]
    Lost,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> PlainStream<'s, S> {
    /// As many bytes may come, white space included, as a header and one element may have under `limits`.
    pub fn new(stream: &'s mut S, vocabulary: Arc<Vocabulary>, limits: Limits) -> Self {
        PlainStream {
            stream,
            decoder: FrameDecoder::new(vocabulary, limits),
            buffer: Box::new([0; PIECE]),
            unread: 0..0,
            room: limits.header_bytes.saturating_add(limits.stanza_bytes),
            interrupted: false,
        }
    }

    /// What `look` sees in the next frame. White space between frames is passed over.
    pub async fn next<R>(&mut self, look: impl FnOnce(&Frame<'_>) -> R) -> Result<R, PlainError> {
        loop {
            while !self.unread.is_empty() {
                // Only what there is room for is looked at, so that the verdict is the same however the bytes come.
                let end = self.unread.end.min(self.unread.start + self.room);
                if end == self.unread.start {
                    return Err(PlainError::TooMuch);
                }
                let (taken, decoded) = self.decoder.decode(&self.buffer[self.unread.start..end])?;
                self.unread.start += taken;
                self.room -= taken;
                if let Some(Decoded::Frame(frame)) = decoded {
                    return Ok(look(&frame));
                }
            }
            let count = self.stream.read(&mut self.buffer[..]).await.map_err(|_| PlainError::Lost)?;
            if count == 0 {
                return Err(PlainError::Lost);
            }
            self.unread = 0..count;
        }
    }

    /// Whether anything has come behind the last frame, white space included. What comes between a request for TLS and
    /// its beginning was written by nobody who keeps to the protocol (RFC 6120, 5.3.3), perhaps by somebody in between
    /// (CVE-2011-0411).
    pub async fn has_more(&mut self) -> Result<bool, PlainError> {
        if !self.unread.is_empty() {
            return Ok(true);
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let looked = poll_fn(|cx| match Pin::new(&mut *self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Ready(None),
            Poll::Ready(read) => Poll::Ready(Some(read)),
        });
        match looked.await {
            None => Ok(false),
            Some(Ok(())) if !buffer.filled().is_empty() => Ok(true),
            Some(_) => Err(PlainError::Lost),
        }
    }

    /// Writes all of `text`.
    pub async fn say(&mut self, text: &[u8]) -> Result<(), PlainError> {
        if self.interrupted {
            return Err(PlainError::Lost);
        }
        // It stays like this if the future is dropped in between.
        self.interrupted = true;
        self.stream.write_all(text).await.map_err(|_| PlainError::Lost)?;
        self.stream.flush().await.map_err(|_| PlainError::Lost)?;
        self.interrupted = false;
        Ok(())
    }

    /// Says the last words, and waits a moment for the peer to hang up: what it has sent is thrown away, so that closing
    /// the socket does not reset what was just said. False if they were not taken in time.
    pub async fn end(&mut self, text: &[u8]) -> bool {
        let mut said = false;
        let ending = async {
            said = self.say(text).await.is_ok();
            if said && self.stream.shutdown().await.is_ok() {
                self.discard(ENDING_BYTES).await;
            }
        };
        // What has not left by then never will.
        let _ = timeout(ENDING_TIME, ending).await;
        said
    }

    /// Reads to the end, or so many bytes.
    async fn discard(&mut self, most: usize) {
        let mut read = 0;
        while read < most {
            match self.stream.read(&mut self.buffer[..]).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read += count,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_goes_on_sending_is_not_heard_to_the_end() {
        let (mut ours, mut peer) = duplex(PIECE);
        let limits =
            Limits { stanza_bytes: 0, header_bytes: 0, depth: 0, attributes: 0, namespaces: 0, elements: 0 };
        let ending = async move {
            let vocabulary = Arc::new(crate::stanza::vocabulary(&[], &[]));
            PlainStream::new(&mut ours, vocabulary, limits).end(CLOSING).await
        };
        let flood = vec![b' '; ENDING_BYTES + 2 * PIECE];
        let (said, sent) = tokio::join!(ending, peer.write_all(&flood));
        assert!(said);
        assert!(sent.is_err(), "all of it was read");
    }
}
