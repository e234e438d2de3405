//! When a provider's publication is fetched again, and what is used meanwhile. Pure: the time is an argument.
//!
//! Anybody can write a token with a key id that nobody has, so that such tokens must not make the gatekeeper hammer the
//! provider, nor keep those waiting whose keys are known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::publication::Publication;
use crate::sandbox::http::CallError;

/// How long a publication is fresh, if the provider does not say, and whatever it says.
const FRESH: Duration = Duration::from_secs(5 * 60);
const FRESH_AT_LEAST: Duration = Duration::from_secs(60);
const FRESH_AT_MOST: Duration = Duration::from_secs(60 * 60);
/// How long it is of use beyond that, while there is no newer one.
const STALE: Duration = Duration::from_secs(60 * 60);
/// Between two fetches for the same reason.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of a provider.
#[derive(Default)]
pub struct Known {
    latest: Option<Dated>,
    /// Why the latest fetch failed, if it did.
    failure: Option<CallError>,
    /// When a fetch ended, for whatever reason.
    fetched: Option<Instant>,
    /// When one ended that was because there was nothing fresh, and because of an unknown key id.
    renewed: Option<Instant>,
    searched: Option<Instant>,
}

struct Dated {
    publication: Arc<Publication>,
    fresh_until: Instant,
}

/// What an asker does next.
pub enum Step {
    /// Makes do with what is known.
    Settle(Result<Arc<Publication>, CallError>),
    /// Fetches, or waits for who does already.
    Fetch(Reason),
}

/// Why there is a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NothingFresh,
    UnknownKey,
}

impl Known {
    /// What an asker does who has been waiting since `asked`, and looks for this key if any.
    pub fn step(&self, key_id: Option<&str>, asked: Instant, now: Instant) -> Step {
        let latest = self.usable(now);
        let is_fresh = latest.is_some_and(|latest| now < latest.fresh_until);
        let (last, reason) =
            if is_fresh { (self.searched, Reason::UnknownKey) } else { (self.renewed, Reason::NothingFresh) };
        let is_settled = is_fresh && latest.is_some_and(|latest| latest.has(key_id));
        // A fetch that ended meanwhile has told all that there is to know.
        let is_answered = self.fetched.is_some_and(|fetched| fetched >= asked);
        let is_too_soon = last.is_some_and(|last| now < last + PAUSE);
        if is_settled || is_answered || is_too_soon {
            Step::Settle(self.settle(key_id, now))
        } else {
            Step::Fetch(reason)
        }
    }

    /// What there is to use without another fetch. A key that is not in what was published last is unknown only if it
    /// could be looked for: otherwise that failure is the answer.
    pub fn settle(&self, key_id: Option<&str>, now: Instant) -> Result<Arc<Publication>, CallError> {
        let latest = self.usable(now).filter(|latest| self.failure.is_none() || latest.has(key_id));
        let latest = latest.map(|latest| latest.publication.clone());
        latest.ok_or(self.failure.unwrap_or(CallError::Unreachable))
    }

    /// A fetch has ended.
    pub fn end(&mut self, reason: Reason, fetched: Result<Publication, CallError>, now: Instant) {
        self.fetched = Some(now);
        match reason {
            Reason::NothingFresh => self.renewed = Some(now),
            Reason::UnknownKey => self.searched = Some(now),
        }
        self.failure = fetched.as_ref().err().copied();
        if let Ok(publication) = fetched {
            let fresh = publication.max_age.unwrap_or(FRESH).clamp(FRESH_AT_LEAST, FRESH_AT_MOST);
            self.latest = Some(Dated { publication: Arc::new(publication), fresh_until: now + fresh });
        }
    }

    /// The latest publication, unless it is too old to be of use.
    fn usable(&self, now: Instant) -> Option<&Dated> {
        self.latest.as_ref().filter(|latest| now < latest.fresh_until + STALE)
    }
}

impl Dated {
    /// Whether this key is in it, if one is looked for.
    fn has(&self, key_id: Option<&str>) -> bool {
        key_id.is_none_or(|id| self.publication.keys.find(id).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason::{NothingFresh, UnknownKey};
    use super::*;
    use crate::sandbox::token::{Algorithm, JwkSet, SigningKey};

    const SECOND: Duration = Duration::from_secs(1);

    fn publication(keys: &[&SigningKey], max_age: Option<Duration>) -> Publication {
        let url = reqwest::Url::parse("https://provider.example").unwrap();
        let keys = JwkSet { keys: keys.iter().map(|key| key.public().clone()).collect() };
        Publication { introspection: url.clone(), push: url, keys, max_age }
    }

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::EdDsa).unwrap()
    }

    /// `use`, `fail`, or the reason of a fetch, for who asks at `now`.
    fn step(known: &Known, key_id: &str, now: Instant) -> String {
        match known.step(Some(key_id), now, now) {
            Step::Settle(settled) => settled.map_or("fail", |_| "use").to_owned(),
            Step::Fetch(reason) => format!("{reason:?}"),
        }
    }

    #[test]
    fn keys_are_fresh_as_long_as_their_provider_says_within_bounds() {
        let (start, key) = (Instant::now(), key());
        let cases = [
            (None, FRESH),
            (Some(Duration::ZERO), FRESH_AT_LEAST),
            (Some(600 * SECOND), 600 * SECOND),
            (Some(Duration::MAX), FRESH_AT_MOST),
        ];
        for (max_age, fresh) in cases {
            let mut known = Known::default();
            known.end(NothingFresh, Ok(publication(&[&key], max_age)), start);
            assert_eq!(step(&known, key.id(), start + fresh - SECOND), "use", "{max_age:?}");
            assert_eq!(step(&known, key.id(), start + fresh), "NothingFresh", "{max_age:?}");
        }
    }

    #[test]
    fn stale_keys_are_used_for_a_while_when_there_are_no_newer_ones() {
        let (start, key) = (Instant::now(), key());
        let mut known = Known::default();
        known.end(NothingFresh, Ok(publication(&[&key], None)), start);
        let stale = start + FRESH;
        known.end(NothingFresh, Err(CallError::TimedOut), stale);
        assert_eq!(step(&known, key.id(), stale + PAUSE - SECOND), "use");
        assert_eq!(step(&known, key.id(), stale + PAUSE), "NothingFresh");
        let useless = stale + STALE;
        known.end(NothingFresh, Err(CallError::TimedOut), useless - SECOND);
        assert!(matches!(known.step(None, useless, useless), Step::Settle(Err(CallError::TimedOut))));
    }

    #[test]
    fn an_unknown_key_is_looked_for_once_in_a_while() {
        let (start, key) = (Instant::now(), key());
        let mut known = Known::default();
        known.end(NothingFresh, Ok(publication(&[&key], None)), start);
        let later = start + SECOND;
        assert_eq!(step(&known, "unknown", later), "UnknownKey");
        known.end(UnknownKey, Ok(publication(&[&key], None)), later);
        assert_eq!(step(&known, "unknown", later + PAUSE - SECOND), "use");
        assert_eq!(step(&known, "unknown", later + PAUSE), "UnknownKey");
        assert_eq!(step(&known, key.id(), later + PAUSE), "use");
    }

    #[test]
    fn a_key_that_could_not_be_looked_for_is_not_unknown() {
        let (start, key) = (Instant::now(), key());
        let mut known = Known::default();
        known.end(NothingFresh, Ok(publication(&[&key], None)), start);
        known.end(UnknownKey, Err(CallError::TimedOut), start);
        assert_eq!(step(&known, "unknown", start), "fail");
        assert_eq!(step(&known, key.id(), start), "use");
        let later = start + PAUSE;
        known.end(UnknownKey, Ok(publication(&[&key], None)), later);
        assert_eq!(step(&known, "unknown", later), "use");
    }

    #[test]
    fn a_fetch_is_the_answer_to_all_who_waited_for_it() {
        let (start, key) = (Instant::now(), key());
        let mut known = Known::default();
        known.end(NothingFresh, Ok(publication(&[&key], None)), start + SECOND);
        let now = start + 2 * SECOND;
        assert!(matches!(known.step(Some("unknown"), start, now), Step::Settle(Ok(_))));
        assert!(matches!(known.step(Some("unknown"), now, now), Step::Fetch(UnknownKey)));
    }
}
