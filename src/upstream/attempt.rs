//! One attempt to connect to an address, and what its end says of the address, however it ends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use tokio::time::Instant;

use super::connect::ConnectError;
use super::health::{Health, Standing};
use super::news::EndpointChange;

/// An attempt under way. What came of it is remembered when it is dropped, so that an attempt whose client has left, or
/// whose time is over, is remembered, too.
pub struct Attempt<T: Fn(EndpointChange) = Box<dyn Fn(EndpointChange) + Send>> {
    health: Arc<Mutex<Health>>,
    address: SocketAddr,
    standing: Standing,
    began: Instant,
    /// An endpoint that has had less time than this is not to blame for having needed more.
    fair: Duration,
    /// `None`: nobody has waited for the end.
    outcome: Option<Result<(), ConnectError>>,
    tell: T,
}

impl<T: Fn(EndpointChange)> Attempt<T> {
    /// `standing` is what [`Health::stand`] has said of the address; `tell` hears what is to be told of it.
    pub(super) fn begin(
        health: Arc<Mutex<Health>>,
        address: SocketAddr,
        standing: Standing,
        fair: Duration,
        tell: T,
    ) -> Self {
        Attempt { health, address, standing, began: Instant::now(), fair, outcome: None, tell }
    }

    /// What came of it.
    pub fn end(mut self, outcome: Result<(), ConnectError>) {
        self.outcome = Some(outcome);
    }

    /// The client has left, and nobody knows what would have come of it.
    pub fn give_back(self) {
        // Like what is wrong on our own side, that says nothing of the address.
        self.end(Err(ConnectError::Local));
    }

    /// Remembers what came of it, and says what is to be told of it.
    fn remember(&self, outcome: Result<(), ConnectError>) -> Option<EndpointChange> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match outcome {
            Ok(()) => return health.succeeded(self.address, now()).then_some(EndpointChange::Back),
            Err(error) => error,
        };
        let says_nothing = match error {
            // The endpoint has no part in what is wrong on our own side.
            ConnectError::Source | ConnectError::Local => true,
            ConnectError::Timeout => self.began.elapsed() < self.fair,
            _ => false,
        };
        if says_nothing {
            health.given_back(self.address, self.standing, now());
            return None;
        }
        let ejected = health.failed(self.address, self.standing, now());
        ejected.then_some(EndpointChange::Ejected(error))
    }
}

impl<T: Fn(EndpointChange)> Drop for Attempt<T> {
    fn drop(&mut self) {
        // Who has not waited for the end has seen what one sees whose time is over.
        let outcome = self.outcome.unwrap_or(Err(ConnectError::Timeout));
        if let Some(change) = self.remember(outcome) {
            (self.tell)(change);
        }
    }
}

/// By way of tokio, so that a test's paused time holds here too.
pub(super) fn now() -> Clock {
    Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::sleep;

    use super::super::fault::{ConnectionFault, TlsFault};
    use super::*;

    const REFUSED: ConnectError = ConnectError::Connection(ConnectionFault::Refused);
    const FAIR: Duration = Duration::from_secs(1);
    const TRIAL: Duration = Duration::from_secs(10);

    fn address() -> SocketAddr {
        ([192, 0, 2, 1], 5223).into()
    }

    fn new() -> Arc<Mutex<Health>> {
        Arc::new(Mutex::new(Health::new(TRIAL)))
    }

    fn stand(health: &Mutex<Health>) -> Standing {
        health.lock().unwrap().stand(address(), now())
    }

    fn begin(health: &Arc<Mutex<Health>>) -> Attempt<fn(EndpointChange)> {
        Attempt::begin(Arc::clone(health), address(), stand(health), FAIR, |_| {})
    }

    fn fail(health: &Arc<Mutex<Health>>, error: ConnectError) {
        begin(health).end(Err(error));
    }

    /// An address whose time of ejection is just over.
    async fn to_be_tried() -> Arc<Mutex<Health>> {
        let health = new();
        while stand(&health) == Standing::Up {
            fail(&health, REFUSED);
        }
        sleep(Duration::from_secs(5)).await;
        health
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_on_our_own_side_ejects_nobody() {
        let health = new();
        for error in [ConnectError::Source, ConnectError::Local].repeat(5) {
            fail(&health, error);
        }
        assert_eq!(stand(&health), Standing::Up);
        let health = to_be_tried().await;
        fail(&health, ConnectError::Local);
        assert_eq!(stand(&health), Standing::Tried);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_timeout_after_a_fair_share_is_a_failure() {
        let health = new();
        for _ in 0..5 {
            fail(&health, ConnectError::Timeout);
        }
        assert_eq!(stand(&health), Standing::Up);
        for _ in 0..3 {
            let attempt = begin(&health);
            sleep(FAIR).await;
            attempt.end(Err(ConnectError::Timeout));
        }
        assert_eq!(stand(&health), Standing::Ejected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_gives_its_trial_back() {
        let health = to_be_tried().await;
        let attempt = begin(&health);
        assert_eq!(stand(&health), Standing::Ejected);
        drop(attempt);
        assert_eq!(stand(&health), Standing::Tried);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_after_a_fair_share_has_seen_a_failure() {
        let health = new();
        for _ in 0..3 {
            let _attempt = begin(&health);
            sleep(FAIR).await;
        }
        assert_eq!(stand(&health), Standing::Ejected);
    }
    #[tokio::test]
    async fn what_is_told_of_an_address_is_why_it_failed_last_and_that_it_is_back() {
        let health = new();
        let told = RefCell::new(Vec::new());
        let tell = |change| told.borrow_mut().push(change);
        let outcomes = [ConnectError::Tls(TlsFault::Expired), ConnectError::Timeout, REFUSED].map(Err);
        for outcome in outcomes.into_iter().chain([Ok(()), Ok(())]) {
            Attempt::begin(Arc::clone(&health), address(), stand(&health), Duration::ZERO, tell).end(outcome);
        }
        assert_eq!(told.into_inner(), [EndpointChange::Ejected(REFUSED), EndpointChange::Back]);
    }
}
