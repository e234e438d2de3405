//! Reads `/metrics` over HTTP, as Prometheus does (its text format, version 0.0.4).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The sessions that Vestibule has counted, each when it is over.
pub const SESSIONS_ENDED: &str = "vestibule_sessions_ended_total";
/// How often the figures are looked at until they have settled.
const INTERVAL: Duration = Duration::from_millis(20);
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Far more than the metrics of a few sessions.
const LARGEST_ANSWER: u64 = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    #[error("/metrics could not be read: {0}")]
    Io(ErrorKind),
    #[error("/metrics did not answer within {} s", TIME_LIMIT.as_secs())]
    TimedOut,
    #[error("/metrics did not answer with 200 and text")]
    Refused,
}

/// Samples by their series, as written: `name{label="value"}`.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub async fn fetch(admin: SocketAddr) -> Result<Self, MetricsError> {
        Ok(Self::parse(&page(admin, "/metrics").await?))
    }

    /// The figures once so many sessions have ended: one is counted when its last byte is written, which may be a moment
    /// after its client has gone. What never settles is returned as it is, and is then not what was expected.
    pub async fn settled(admin: SocketAddr, sessions: u64) -> Result<Self, MetricsError> {
        let deadline = Instant::now() + TIME_LIMIT;
        loop {
            let metrics = Self::fetch(admin).await?;
            if metrics.count(SESSIONS_ENDED) >= sessions || Instant::now() > deadline {
                return Ok(metrics);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        // A sample's timestamp, which would follow the value, is never written by what this reads.
        let samples = samples.filter_map(|line| line.rsplit_once(' '));
        Self(samples.filter_map(|(series, value)| Some((series.to_owned(), value.parse().ok()?))).collect())
    }

    /// All series of one metric, added up.
    pub fn total(&self, name: &str) -> f64 {
        let series = self.0.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        // An empty sum of floating-point numbers would be minus zero.
        series.fold(0.0, |total, (_, value)| total + value)
    }

    /// All series of a metric that counts, added up.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are small whole numbers"
    )]
    pub fn count(&self, name: &str) -> u64 {
        self.total(name) as u64
    }

    /// All series, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(series, value)| (series.as_str(), *value))
    }
}

/// What is shown to operators at this path.
pub async fn page(admin: SocketAddr, path: &str) -> Result<String, MetricsError> {
    let answer = tokio::time::timeout(TIME_LIMIT, get(admin, path));
    let answer = answer.await.map_err(|_| MetricsError::TimedOut)?;
    let answer = answer.map_err(|error| MetricsError::Io(error.kind()))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(MetricsError::Refused)?;
    let status = head.split_ascii_whitespace().nth(1);
    if status == Some("200") { Ok(body.to_owned()) } else { Err(MetricsError::Refused) }
}

/// HTTP/1.0, so that the answer is not chunked and ends with the connection.
async fn get(admin: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {admin}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LARGEST_ANSWER).read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_metric_are_added_up() {
        let metrics =
            Metrics::parse("# HELP a b\na_total{x=\"1\"} 2\na_total{x=\"2 3\"} 3\na_total_other 7\nb 1.5\n");
        assert_eq!(metrics.total("a_total"), 5.0);
        assert_eq!(metrics.count("a_total"), 5);
        assert_eq!(metrics.total("b"), 1.5);
        assert_eq!(metrics.total("absent").to_string(), "0");
        assert_eq!(metrics.iter().count(), 4);
    }
}
