//! What a server of the sandbox remembers of the calls that it answered: who asked for what, when, and with which
//! status. Nothing of bodies, queries and credentials.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::USER_AGENT;
use axum::middleware::Next;
use axum::response::Response;

/// Calls that are remembered of one server; of those that follow nothing is.
const REMEMBERED: usize = 1024;
/// How much of a path or of a caller's name is kept, in characters.
const LONGEST: usize = 200;

/// One call that was answered.
#[derive(Clone, Debug)]
pub struct Served {
    /// Who asked, as the request says.
    pub agent: Option<String>,
    pub method: String,
    /// Without the query.
    pub path: String,
    pub status: u16,
    /// When the request's head was there.
    pub asked: Instant,
    /// When the answer's head was.
    pub answered: Instant,
}

/// The first calls of a server.
#[derive(Default)]
pub(super) struct Calls(Mutex<Vec<Served>>);

impl Calls {
    pub fn served(&self) -> Vec<Served> {
        self.lock().clone()
    }

    fn add(&self, served: Served) {
        let mut calls = self.lock();
        if calls.len() < REMEMBERED {
            calls.push(served);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the request answered, and remembers that it was.
pub(super) async fn note(State(calls): State<Arc<Calls>>, request: Request, next: Next) -> Response {
    let asked = Instant::now();
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(bounded);
    let (method, path) = (bounded(request.method().as_str()), bounded(request.uri().path()));
    let response = next.run(request).await;
    let status = response.status().as_u16();
    calls.add(Served { agent, method, path, status, asked, answered: Instant::now() });
    response
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let calls = Calls::default();
        let now = Instant::now();
        for _ in 0..=REMEMBERED {
            let path = bounded(&"/".repeat(LONGEST + 1));
            calls.add(Served {
                agent: None,
                method: "GET".to_owned(),
                path,
                status: 200,
                asked: now,
                answered: now,
            });
        }
        let served = calls.served();
        assert_eq!(served.len(), REMEMBERED);
        assert!(served.iter().all(|call| call.path.len() == LONGEST));
    }
}
