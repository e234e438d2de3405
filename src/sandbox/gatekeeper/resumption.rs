//! Which sessions can be resumed, by whom, and how a new connection gets one from the task that has it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::session::Claimable;
use crate::sandbox::random::{self, RandomError};

/// Sessions of one account, and of all, that can be resumed at the same time, connected or not. Fewer than an account may
/// have bound, so that a client that does not resume its lost sessions still finds room.
const MOST_OF_ACCOUNT: usize = 8;
const MOST: usize = 8192;
/// Sessions that are over and whose last count is remembered.
const REMEMBERED: usize = 1024;

/// A connection's wish to have a session. Who has it sends it there.
pub(super) type Claim = oneshot::Sender<Claimable>;

/// All of them.
#[derive(Default)]
pub(super) struct Resumptions(Mutex<Table>);

#[derive(Default)]
struct Table {
    open: BTreeMap<String, Open>,
    ended: VecDeque<Ended>,
}

struct Open {
    account: String,
    claims: mpsc::Sender<Claim>,
}

struct Ended {
    id: String,
    account: String,
    handled: u32,
}

/// No such session, at least none of this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotFound {
    /// How many stanzas it had handled when it ended, if that is remembered.
    pub handled: Option<u32>,
}

impl Resumptions {
    /// An identifier for a session whose owner takes claims here; `None` if there is no room for one more.
    pub fn open(&self, account: &str, claims: mpsc::Sender<Claim>) -> Result<Option<String>, RandomError> {
        let id = random::token()?;
        let open = &mut self.table().open;
        let of_account = open.values().filter(|open| open.account == account).count();
        if of_account >= MOST_OF_ACCOUNT || open.len() >= MOST {
            return Ok(None);
        }
        open.insert(id.clone(), Open { account: account.to_owned(), claims });
        Ok(Some(id))
    }

    /// The session is over.
    pub fn end(&self, id: &str, handled: u32) {
        let mut table = self.table();
        if let Some((id, Open { account, .. })) = table.open.remove_entry(id) {
            table.ended.push_back(Ended { id, account, handled });
            if table.ended.len() > REMEMBERED {
                table.ended.pop_front();
            }
        }
    }

    /// Takes a session of this account from whoever has it. Of several who claim it at the same moment each gets it,
    /// and gives it up to the next: the last has it in the end.
    pub async fn claim(&self, account: &str, id: &str) -> Result<Claimable, NotFound> {
        let claims = self.claims_of(account, id)?;
        let (claim, session) = oneshot::channel();
        // It may end just now.
        claims.send(claim).await.map_err(|_| NotFound { handled: None })?;
        session.await.map_err(|_| NotFound { handled: None })
    }

    fn claims_of(&self, account: &str, id: &str) -> Result<mpsc::Sender<Claim>, NotFound> {
        let table = self.table();
        let open = table.open.get(id).filter(|open| open.account == account);
        let ended = || table.ended.iter().find(|ended| ended.id == id && ended.account == account);
        open.map(|open| open.claims.clone())
            .ok_or_else(|| NotFound { handled: ended().map(|ended| ended.handled) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(resumptions: &Resumptions, account: &str) -> Option<String> {
        resumptions.open(account, mpsc::channel(1).0).unwrap()
    }

    #[test]
    fn one_account_does_not_take_all_the_room() {
        let resumptions = Resumptions::default();
        let first = open(&resumptions, "ann").unwrap();
        for _ in 1..MOST_OF_ACCOUNT {
            assert!(open(&resumptions, "ann").is_some());
        }
        assert_eq!(open(&resumptions, "ann"), None);
        assert!(open(&resumptions, "ben").is_some());
        resumptions.end(&first, 0);
        assert!(open(&resumptions, "ann").is_some());
    }

    #[tokio::test]
    async fn the_last_count_of_a_session_is_told_to_its_account_alone() {
        let resumptions = Resumptions::default();
        let id = open(&resumptions, "ann").unwrap();
        resumptions.end(&id, 7);
        for (account, id, handled) in
            [("ann", id.as_str(), Some(7)), ("ben", id.as_str(), None), ("ann", "another", None)]
        {
            assert_eq!(resumptions.claim(account, id).await.err(), Some(NotFound { handled }));
        }
    }

    #[test]
    fn only_so_many_counts_are_remembered() {
        let resumptions = Resumptions::default();
        for _ in 0..=REMEMBERED {
            let id = open(&resumptions, "ann").unwrap();
            resumptions.end(&id, 1);
        }
        assert_eq!(resumptions.table().ended.len(), REMEMBERED);
        assert!(resumptions.table().open.is_empty());
    }
}
