//! A connection to a gatekeeper, up to the gatekeeper's first byte.
//!
//! Whether a gatekeeper takes a connection is not known when the handshake is over: with TLS 1.3 it refuses our certificate, or
//! the lack of one, after that (RFC 8446, 4.4.2.4), and one that is only a balancer's address closes what it accepted.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::connect::ConnectError;
use super::fault::TlsFault;

/// The answer that was awaited, once it is known. `None`: whom it was for has left before.
pub type Answer = Option<Result<(), ConnectError>>;

/// A stream that tells once how its peer began: with a byte, or with the end.
#[pin_project]
pub struct Answered<S> {
    #[pin]
    stream: S,
    awaited: Awaited,
}

struct Awaited(Option<Box<dyn FnOnce(Answer) + Send>>);

impl<S> Answered<S> {
    pub fn new(stream: S, tell: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self { stream, awaited: Awaited(Some(Box::new(tell))) }
    }
}

impl Awaited {
    /// `read`: so many bytes.
    #[inline]
    fn hear(&mut self, read: Result<usize, &io::Error>) {
        if self.0.is_some() {
            self.answer(read);
        }
    }

    #[cold]
    fn answer(&mut self, read: Result<usize, &io::Error>) {
        let answer = match read {
            Ok(0) => Err(ConnectError::Unanswered),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(ConnectError::Unanswered),
            Err(error) => Err(TlsFault::of(error).map_or(ConnectError::Unanswered, ConnectError::Tls)),
        };
        if let Some(tell) = self.0.take() {
            tell(Some(answer));
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(None);
        }
    }
}

impl<S: AsyncRead> AsyncRead for Answered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        let read = ready!(this.stream.poll_read(cx, buffer));
        this.awaited.hear(read.as_ref().map(|()| buffer.filled().len() - before));
        Poll::Ready(read)
    }
}

impl<S: AsyncBufRead> AsyncBufRead for Answered<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        let read = ready!(this.stream.poll_fill_buf(cx));
        this.awaited.hear(read.as_ref().map(|bytes| bytes.len()));
        Poll::Ready(read)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.project().stream.consume(count);
    }
}

impl<S: AsyncWrite> AsyncWrite for Answered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, DuplexStream, duplex};

    use super::*;

    fn answered<S>(stream: S) -> (Answered<S>, Receiver<Answer>) {
        let (tell, told) = sync_channel(1);
        (Answered::new(stream, move |answer| tell.send(answer).unwrap()), told)
    }

    async fn begins_with(bytes: &'static [u8]) -> Answer {
        let (mut stream, told) = answered(bytes);
        assert_eq!(stream.fill_buf().await.unwrap(), bytes);
        drop(stream);
        let answers: Vec<_> = told.iter().collect();
        assert_eq!(answers.len(), 1);
        answers[0]
    }

    #[tokio::test]
    async fn a_first_byte_or_an_end_is_told_once() {
        assert_eq!(begins_with(b"<").await, Some(Ok(())));
        assert_eq!(begins_with(b"").await, Some(Err(ConnectError::Unanswered)));
        let (mut stream, told) = answered(&b"<"[..]);
        stream.read_u8().await.unwrap();
        assert_eq!(told.recv().unwrap(), Some(Ok(())));
    }

    #[tokio::test]
    async fn an_alert_is_told_as_what_it_is() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let (stream, told) = answered(());
        let Answered { mut awaited, .. } = stream;
        awaited.hear(Err(&io::Error::new(ErrorKind::InvalidData, alert)));
        let expected = ConnectError::Tls(TlsFault::CertificateRequired);
        assert_eq!(told.recv().unwrap(), Some(Err(expected)));
    }

    #[test]
    fn whoever_leaves_before_has_no_answer() {
        let (stream, told): (Answered<BufReader<DuplexStream>>, _) = answered(BufReader::new(duplex(1).0));
        drop(stream);
        assert_eq!(told.recv().unwrap(), None);
    }
}
