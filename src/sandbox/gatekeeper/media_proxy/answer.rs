//! What an origin answers, held against what it was asked.

use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Asked, FetchError};
use crate::sandbox::media::{ContentRange, is_strong_tag};

/// What is known of a blob before its bytes come.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// What of the blob comes, if it is not the whole.
    pub range: Option<ContentRange>,
    /// How many bytes come, as far as it is said.
    pub length: Option<u64>,
    pub tag: Option<HeaderValue>,
}

/// Whether an answer is one to what was asked, and not of more than so many bytes.
pub fn check(asked: &Asked, answer: &Parts, largest: u64) -> Result<Head, FetchError> {
    let headers = &answer.headers;
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(FetchError::WrongAnswer);
    }
    let declared = length(headers)?;
    let (range, length) = match answer.status {
        StatusCode::OK => (None, declared),
        StatusCode::PARTIAL_CONTENT => {
            let range = partial(asked, headers).ok_or(FetchError::WrongRange)?;
            if declared.is_some_and(|declared| declared != range.length()) {
                return Err(FetchError::WrongRange);
            }
            (Some(range), Some(range.length()))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::Vanished),
        StatusCode::RANGE_NOT_SATISFIABLE if asked.range.is_some() => {
            return Err(nothing(headers).map_or(FetchError::WrongRange, FetchError::Unsatisfiable));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(FetchError::Unreachable);
        }
        // A redirect, too: who is allowed may not send elsewhere.
        _ => return Err(FetchError::WrongAnswer),
    };
    let size = range.map(|range| range.size).or(length);
    if size.is_some_and(|size| size > largest) {
        return Err(FetchError::TooLarge);
    }
    let tag = headers.get(header::ETAG).filter(|tag| is_strong_tag(tag)).cloned();
    Ok(Head { range, length, tag })
}

/// What `Content-Length` says. Several that differ have ended the connection already.
fn length(headers: &HeaderMap) -> Result<Option<u64>, FetchError> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or(FetchError::WrongAnswer)
}

/// The range that is given, if it is the one that was asked for.
fn partial(asked: &Asked, headers: &HeaderMap) -> Option<ContentRange> {
    let range = ContentRange::parse(headers.get(header::CONTENT_RANGE)?)?;
    range.answers(asked.range?).then_some(range)
}

/// The size of a blob of which there is nothing in the range that was asked for.
fn nothing(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    value.strip_prefix("bytes */")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Response};

    use super::*;

    fn checked(
        range: Option<&'static str>,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<Head, FetchError> {
        let wanted = range.map(|range| (header::RANGE, HeaderValue::from_static(range)));
        let asked = Asked::new(&Method::GET, &wanted.into_iter().collect());
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        check(&asked, &answer.body(()).unwrap().into_parts().0, 1000)
    }

    #[test]
    fn a_whole_blob_is_as_large_as_it_says_or_says_nothing() {
        let head = |length| Ok(Head { range: None, length, tag: None });
        assert_eq!(checked(None, 200, &[("content-length", "1000")]), head(Some(1000)));
        assert_eq!(checked(None, 200, &[]), head(None));
        assert_eq!(checked(Some("bytes=5-"), 200, &[]), head(None));
        assert_eq!(checked(None, 200, &[("content-length", "1001")]), Err(FetchError::TooLarge));
    }

    #[test]
    fn a_part_has_to_be_the_one_that_was_asked_for() {
        let given = |range: &'static str, given: &str, length: &str| {
            let headers = [("content-range", given), ("content-length", length)];
            checked(Some(range), 206, &headers).map(|head| head.length)
        };
        assert_eq!(given("bytes=5-", "bytes 5-9/10", "5"), Ok(Some(5)));
        assert_eq!(given("bytes=-3", "bytes 7-9/10", "3"), Ok(Some(3)));
        assert_eq!(given("bytes=0-99", "bytes 0-9/10", "10"), Ok(Some(10)));
        for (other, length) in [
            ("bytes 4-9/10", "6"),
            ("bytes 6-9/10", "4"),
            ("bytes 5-8/10", "4"),
            ("bytes 5-9/10", "6"),
            ("bytes 5-9/*", "5"),
            ("bytes */10", "5"),
            ("items 5-9/10", "5"),
        ] {
            assert_eq!(given("bytes=5-", other, length), Err(FetchError::WrongRange), "{other}");
        }
        assert_eq!(given("bytes=5-9", "bytes 5-9/1001", "5"), Err(FetchError::TooLarge));
        let unasked = checked(None, 206, &[("content-range", "bytes 5-9/10")]);
        assert_eq!(unasked, Err(FetchError::WrongRange));
        assert_eq!(checked(Some("bytes=5-"), 206, &[]), Err(FetchError::WrongRange));
    }

    #[test]
    fn a_refusal_is_told_from_a_fault_and_a_redirect_is_one() {
        let refused = |status| checked(Some("bytes=50-"), status, &[("location", "https://10.0.0.1/")]).err();
        assert_eq!([404, 410].map(refused), [Some(FetchError::Vanished); 2]);
        assert_eq!([500, 503, 429].map(refused), [Some(FetchError::Unreachable); 3]);
        let wrong = [204, 301, 302, 303, 307, 308, 400, 401, 403, 304].map(refused);
        assert_eq!(wrong, [Some(FetchError::WrongAnswer); 10]);
        let nothing = checked(Some("bytes=50-"), 416, &[("content-range", "bytes */10")]);
        assert_eq!(nothing, Err(FetchError::Unsatisfiable(10)));
        assert_eq!(refused(416), Some(FetchError::WrongRange));
        assert_eq!(checked(None, 416, &[]), Err(FetchError::WrongAnswer));
    }

    #[test]
    fn what_is_encoded_is_refused_and_only_a_strong_validator_is_passed_on() {
        for encoding in ["gzip", "br", "identity, gzip"] {
            let refused = checked(None, 200, &[("content-encoding", encoding)]);
            assert_eq!(refused, Err(FetchError::WrongAnswer), "{encoding}");
        }
        let tag = |tag| checked(None, 200, &[("etag", tag)]).unwrap().tag;
        assert_eq!(tag("\"a\"").unwrap(), "\"a\"");
        for weak in ["W/\"a\"", "a", "\"a\"b\"", ""] {
            assert_eq!(tag(weak), None, "{weak}");
        }
    }
}
