//! Whether the threads still do something: who wants to know asks, and each thread answers between two other things that it
//! does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Those of all threads. Several may ask, each as often as it likes: a question is open until it is answered.
#[derive(Debug, Default)]
pub(super) struct Pulses(Mutex<Vec<Arc<Pulse>>>);

/// What is known of one thread.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    asked: Notify,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Answered,
    /// And has not answered since.
    AskedAt(Instant),
    Ended,
}

impl Pulses {
    /// The pulse of one more thread.
    pub(super) fn add(&self) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::default());
        self.all().push(Arc::clone(&pulse));
        pulse
    }

    /// Whether no thread owes an answer for `patience` or longer. Asks again: so a hang is noticed by the second question.
    pub(super) fn all_beat(&self, patience: Duration) -> bool {
        let now = Instant::now();
        // Every thread is asked, whatever the others have answered.
        self.all().iter().filter(|pulse| !pulse.feel(now, patience)).count() == 0
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Pulse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// Answers for the thread, as long as its runtime runs tasks.
    pub(super) async fn beat(&self) {
        loop {
            self.asked.notified().await;
            let mut state = self.state();
            // One that ended meanwhile has nothing to answer.
            if *state != State::Ended {
                *state = State::Answered;
            }
        }
    }

    /// The thread has ended as it should, and answers no more.
    pub(super) fn end(&self) {
        *self.state() = State::Ended;
    }

    fn feel(&self, now: Instant, patience: Duration) -> bool {
        let mut state = self.state();
        match *state {
            State::Answered => {
                *state = State::AskedAt(now);
                self.asked.notify_one();
                true
            }
            State::AskedAt(asked) => now.saturating_duration_since(asked) < patience,
            State::Ended => true,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_thread_lives_while_it_answers_and_when_it_has_ended_in_order() {
        let pulse = Arc::new(Pulse::default());
        let beating = tokio::spawn({
            let pulse = Arc::clone(&pulse);
            async move { pulse.beat().await }
        });
        let start = Instant::now();
        let felt_after = |seconds| pulse.feel(start + Duration::from_secs(seconds), PATIENCE);
        assert!(felt_after(0));
        assert!(felt_after(4), "it still has time to answer");
        assert!(!felt_after(5), "nothing has run since it was asked");
        tokio::task::yield_now().await;
        assert!(felt_after(6));
        beating.abort();
        let _ = beating.await;
        assert!(!felt_after(11));
        pulse.end();
        assert!(felt_after(12));
    }

    #[test]
    fn all_threads_live_if_each_of_them_does() {
        let pulses = Pulses::default();
        let [first, second] = [(); 2].map(|()| pulses.add());
        assert!(pulses.all_beat(Duration::ZERO), "they are asked for the first time");
        first.end();
        assert!(!pulses.all_beat(Duration::ZERO));
        second.end();
        assert!(pulses.all_beat(Duration::ZERO));
    }
}
