//! Lists that are told page by page: each page names what to ask for as `after` to get the next one.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Problem, present};

/// What the list is to go on behind, by the only member that the query may have; without it the list begins.
pub struct After<T>(pub Option<T>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "T: DeserializeOwned")]
struct PageQuery<T> {
    #[serde(default, deserialize_with = "present")]
    after: Option<T>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for After<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<PageQuery<T>>::from_request_parts(parts, state).await;
        let Query(PageQuery { after }) = query.map_err(|_| Problem::query())?;
        Ok(Self(after))
    }
}

/// What names the last entry of a page with `size` entries, as more may follow; nothing of a shorter one, which is the
/// last.
pub fn next<T, N>(page: &[T], size: usize, name: impl FnOnce(&T) -> N) -> Option<N> {
    page.get(size.checked_sub(1)?).map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_page_may_have_another_behind_it() {
        assert_eq!(next(&["a", "b"], 2, |last| last.to_string()).as_deref(), Some("b"));
        assert_eq!(next(&["a"], 2, |last| last.to_string()), None);
        assert_eq!(next(&[""; 0], 0, |last| last.to_string()), None);
    }
}
