//! What is known of many names, within bounds, and the one task that asks for a name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::answers::{Known, ResolutionError};
use super::attempt::now;

/// For one question in all: with every name server, attempt, search domain and family. Who waits for it has less time,
/// `connect_timeout`; the question goes on without them.
const LONGEST_QUESTION: Duration = Duration::from_secs(30);

/// Names that are remembered: those that are configured and the targets of their SRV records, many times over.
const MOST_NAMES: usize = 512;

/// What is known, by name.
pub(super) struct Memory<T>(Mutex<HashMap<Box<str>, Remembered<T>>>);

struct Remembered<T> {
    slot: Arc<Slot<T>>,
    /// When somebody last wanted to know.
    wanted: Instant,
}

struct Slot<T> {
    known: Mutex<Known<T>>,
    /// Held by the one task that asks. Who holds it else has waited for that task.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Memory(Mutex::default())
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot { known: Mutex::default(), asking: Arc::default() }
    }
}

impl<T: Clone + Send + 'static> Memory<T> {
    /// What is known of `name`. If that holds no longer, it is asked for by a task of its own, so that a caller who gives
    /// up ends no question; an old answer is given at once, and without one the task is waited for.
    pub async fn remembered(
        &self,
        name: &str,
        ask: impl Future<Output = Result<(T, Duration), ResolutionError>> + Send + 'static,
    ) -> Result<T, ResolutionError> {
        let slot = self.slot(name);
        if let Some(current) = slot.known().current(now()) {
            return current;
        }
        if let Ok(asking) = Arc::clone(&slot.asking).try_lock_owned() {
            let slot = Arc::clone(&slot);
            tokio::spawn(async move {
                let answer = timeout(LONGEST_QUESTION, ask).await;
                slot.learn(answer.unwrap_or(Err(ResolutionError::NoAnswer)));
                drop(asking);
            });
        }
        if let Some(stale) = slot.known().stale(now()) {
            return Ok(stale);
        }
        let _asked = slot.asking.lock().await;
        slot.known().current(now()).unwrap_or(Err(ResolutionError::NoAnswer))
    }

    fn slot(&self, name: &str) -> Arc<Slot<T>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remembered) = names.get_mut(name) {
            remembered.wanted = now();
            return Arc::clone(&remembered.slot);
        }
        if names.len() >= MOST_NAMES {
            forget_one(&mut names);
        }
        let slot = Arc::default();
        names.insert(name.into(), Remembered { slot: Arc::clone(&slot), wanted: now() });
        slot
    }
}

/// There are too many names only when the targets of SRV records keep changing: the name that nobody has wanted for longest
/// is a target no more.
fn forget_one<T>(names: &mut HashMap<Box<str>, Remembered<T>>) {
    let oldest = names.iter().min_by_key(|(_, remembered)| remembered.wanted);
    if let Some(name) = oldest.map(|(name, _)| name.clone()) {
        names.remove(&name);
    }
}

impl<T: Clone> Slot<T> {
    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, answer: Result<(T, Duration), ResolutionError>) {
        match answer {
            Ok((value, holds)) => self.known().learn(value, holds, now()),
            Err(error) => self.known().fail(error, now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;
    use tokio::time::advance;

    use super::ResolutionError::{NoAnswer, NoRecords};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A name that stood for 1, which holds no longer.
    async fn stale() -> Memory<u8> {
        let memory = Memory::default();
        assert_eq!(memory.remembered("a", ready(Ok((1, SECOND)))).await, Ok(1));
        advance(SECOND).await;
        memory
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_given_at_once_while_one_task_asks_again() {
        let memory = stale().await;
        let (answer, answered) = oneshot::channel();
        let ask = async move { answered.await.unwrap() };
        assert_eq!(memory.remembered("a", ask).await, Ok(1));
        // The second question is not asked: its answer would stand for 3.
        assert_eq!(memory.remembered("a", ready(Ok((3, SECOND)))).await, Ok(1));
        answer.send(Ok((2, SECOND))).unwrap();
        drop(memory.slot("a").asking.lock().await);
        assert_eq!(memory.remembered("a", pending()).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_ends_no_question() {
        let memory: Memory<u8> = Memory::default();
        let slow = async {
            tokio::time::sleep(SECOND).await;
            Err(NoAnswer)
        };
        assert!(timeout(SECOND / 2, memory.remembered("a", slow)).await.is_err());
        // The failure is known then, and nobody asks for a moment.
        tokio::time::sleep(SECOND).await;
        assert_eq!(memory.remembered("a", ready(Ok((2, SECOND)))).await, Err(NoAnswer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_without_an_end_is_given_up() {
        let memory: Memory<u8> = Memory::default();
        assert_eq!(memory.remembered("a", pending()).await, Err(NoAnswer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_gone_is_forgotten_when_the_answer_is_there() {
        let memory = stale().await;
        assert_eq!(memory.remembered("a", ready(Err(NoRecords))).await, Ok(1));
        drop(memory.slot("a").asking.lock().await);
        assert_eq!(memory.remembered("a", pending()).await, Err(NoRecords));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_names_the_one_that_nobody_wants_any_more_is_forgotten() {
        const DAY: Duration = Duration::from_secs(86_400);
        let memory = Memory::default();
        for name in 0..MOST_NAMES {
            assert_eq!(memory.remembered(&name.to_string(), ready(Ok((1, DAY)))).await, Ok(1));
            advance(SECOND).await;
        }
        // The first one is wanted again, the second one is not.
        for name in ["0", "new"] {
            assert_eq!(memory.remembered(name, ready(Ok((1, DAY)))).await, Ok(1));
        }
        let names: Vec<_> = (0..MOST_NAMES).map(|name| name.to_string()).collect();
        let known = memory.0.lock().unwrap();
        let forgotten: Vec<_> = names.iter().filter(|name| !known.contains_key(name.as_str())).collect();
        assert_eq!((known.len(), forgotten), (MOST_NAMES, vec![&names[1]]));
    }
}
