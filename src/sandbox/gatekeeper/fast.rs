//! The tokens of FAST (XEP-0484): what the gatekeeper gives to a client that has authenticated, so that it can do so again
//! in one step. Pure but for the tokens, which are random: the time is an argument, in seconds since the Unix epoch.
//!
//! A client has up to two tokens: the one that it used last, and one that it was given and has not used (section 5.1).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sandbox::random::{self, RandomError};

/// Clients of one account that have tokens; a further one takes the place of the one whose token expires first.
const MOST_OF_ACCOUNT: usize = 16;
/// Clients of all accounts; a further one gets none.
const MOST: usize = 8192;
/// A token is good for three weeks, and is replaced when a new one would be good for a day longer.
const LIFETIME: u64 = 21 * DAY;
const DAY: u64 = 24 * 60 * 60;

/// What a token was given for, which it does not outlive.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Basis {
    /// The password of one of the gatekeeper's own users.
    Password,
    /// The token of a user's provider, which is looked at again each time.
    ProviderToken {
        token: Arc<str>,
        /// When it is not taken any more.
        expires: u64,
    },
}

/// By what a client has proven who it is.
pub(super) enum Credential {
    /// A password or a provider's token.
    Lasting(Basis),
    /// A token of FAST.
    Fast(Used),
}

/// What a client wants of its tokens when it authenticates.
#[derive(Clone, Copy, Default)]
pub(super) struct Wish {
    /// To have one from now on (section 3.2).
    pub another: bool,
    /// That the one which it has used is not good any more (section 3.6).
    pub no_more: bool,
}

/// Why a proof opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenRefusal {
    #[error("this client of this account has no such token")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("the token's count is not higher than it was before")]
    Replayed,
}

/// A token that a client has proven to know.
pub(super) struct Used {
    pub secret: String,
    pub basis: Basis,
    expires: u64,
}

impl Used {
    /// Whether it should be replaced by one that is good for longer.
    fn is_due(&self, now: u64) -> bool {
        self.basis.good_until(now) >= self.expires.saturating_add(DAY)
    }
}

impl Basis {
    /// Until when a token that is given now is good.
    fn good_until(&self, now: u64) -> u64 {
        let lifetime = now.saturating_add(LIFETIME);
        match self {
            Self::Password => lifetime,
            Self::ProviderToken { expires, .. } => lifetime.min(*expires),
        }
    }
}

/// What a client is told of its new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub secret: String,
    pub expires: u64,
}

/// All of them.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Table>);

/// The clients of each account, by the identifiers of their user agents.
type Table = BTreeMap<String, BTreeMap<String, Slots>>;

#[derive(Default)]
struct Slots {
    current: Option<Token>,
    new: Option<Token>,
}

struct Token {
    secret: String,
    basis: Basis,
    expires: u64,
    /// The highest count that it was used with (section 3.4).
    counted: Option<u64>,
}

impl Token {
    /// Whether it opens something now. Who has counted once has to go on counting.
    fn check(&mut self, count: Option<u64>, now: u64) -> Result<(), TokenRefusal> {
        if self.expires <= now {
            return Err(TokenRefusal::Expired);
        }
        // Nothing is less than any count.
        if self.counted.is_some() && count <= self.counted {
            return Err(TokenRefusal::Replayed);
        }
        self.counted = count;
        Ok(())
    }
}

impl Slots {
    fn expires(&self) -> u64 {
        let both = [&self.current, &self.new].into_iter().flatten();
        both.map(|token| token.expires).max().unwrap_or_default()
    }
}

impl Tokens {
    /// Does what a client wants that has authenticated. Returns the token that it gets, if any: it asks for one, or the one
    /// that it has used is due to be replaced (sections 3.3, 3.5 and 3.6).
    pub fn settle(
        &self,
        account: &str,
        client: &str,
        credential: &Credential,
        wish: Wish,
        now: u64,
    ) -> Result<Option<Granted>, RandomError> {
        let (basis, is_due) = match credential {
            Credential::Lasting(basis) => (basis, false),
            Credential::Fast(used) => {
                if wish.no_more {
                    self.discard(account, client);
                }
                (&used.basis, used.is_due(now) && !wish.no_more)
            }
        };
        if !wish.another && !is_due {
            return Ok(None);
        }
        self.grant(account, client, basis.clone(), now)
    }

    /// A new token for a client that has authenticated; it takes the place of one that was not used. `None` if there is no
    /// room for it.
    fn grant(
        &self,
        account: &str,
        client: &str,
        basis: Basis,
        now: u64,
    ) -> Result<Option<Granted>, RandomError> {
        let granted = Granted { secret: random::token()?, expires: basis.good_until(now) };
        let mut table = self.table();
        drop_expired(&mut table, now);
        if !make_room(&mut table, account, client) {
            return Ok(None);
        }
        let Granted { secret, expires } = granted.clone();
        let slots = table.entry(account.to_owned()).or_default().entry(client.to_owned()).or_default();
        slots.new = Some(Token { secret, basis, expires, counted: None });
        Ok(Some(granted))
    }

    /// The token of which `proves` is true, if this client of this account has one that is good. It is used by that: an
    /// older one is not good any more, and a count has to be higher next time.
    pub fn use_up(
        &self,
        account: &str,
        client: &str,
        count: Option<u64>,
        now: u64,
        proves: impl Fn(&str) -> bool,
    ) -> Result<Used, TokenRefusal> {
        let mut table = self.table();
        let slots = table.get_mut(account).and_then(|clients| clients.get_mut(client));
        let slots = slots.ok_or(TokenRefusal::Unknown)?;
        if let Some(new) = slots.new.take_if(|new| proves(&new.secret)) {
            slots.current = Some(new);
        }
        let token = slots.current.as_mut().filter(|token| proves(&token.secret));
        let token = token.ok_or(TokenRefusal::Unknown)?;
        token.check(count, now)?;
        let Token { secret, basis, expires, .. } = token;
        Ok(Used { secret: secret.clone(), basis: basis.clone(), expires: *expires })
    }

    /// Nothing that this client has is good any more.
    pub fn discard(&self, account: &str, client: &str) {
        if let Some(clients) = self.table().get_mut(account) {
            clients.remove(client);
        }
    }

    /// Nothing of this account is good any more.
    pub fn forget(&self, account: &str) {
        self.table().remove(account);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_expired(table: &mut Table, now: u64) {
    table.retain(|_, clients| {
        clients.retain(|_, slots| slots.expires() > now);
        !clients.is_empty()
    });
}

/// Whether there is room for a token of this client.
fn make_room(table: &mut Table, account: &str, client: &str) -> bool {
    if let Some(clients) = table.get_mut(account) {
        if clients.contains_key(client) {
            return true;
        }
        let first = clients.iter().min_by_key(|(_, slots)| slots.expires()).map(|(client, _)| client.clone());
        if let Some(first) = first.filter(|_| clients.len() >= MOST_OF_ACCOUNT) {
            clients.remove(&first);
        }
    }
    table.values().map(BTreeMap::len).sum::<usize>() < MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn grant(tokens: &Tokens, client: &str, now: u64) -> Granted {
        tokens.grant("ann", client, Basis::Password, now).unwrap().unwrap()
    }

    /// Uses a token as its client does. Returns whether it is due to be replaced.
    fn used(tokens: &Tokens, token: &Granted, now: u64) -> Result<bool, TokenRefusal> {
        counted(tokens, token, None, now)
    }

    fn counted(tokens: &Tokens, token: &Granted, count: Option<u64>, now: u64) -> Result<bool, TokenRefusal> {
        let used = tokens.use_up("ann", "phone", count, now, |secret| secret == token.secret)?;
        Ok(used.is_due(now))
    }

    #[test]
    fn a_token_is_its_clients_alone_and_expires() {
        let tokens = Tokens::default();
        let token = grant(&tokens, "phone", NOW);
        assert_eq!(token.expires, NOW + LIFETIME);
        for (account, client) in [("ann", "desk"), ("ben", "phone")] {
            let refused = tokens.use_up(account, client, None, NOW, |secret| secret == token.secret);
            assert_eq!(refused.err(), Some(TokenRefusal::Unknown));
        }
        assert_eq!(used(&tokens, &token, NOW + LIFETIME - 1), Ok(true));
        assert_eq!(used(&tokens, &token, NOW + LIFETIME), Err(TokenRefusal::Expired));
    }

    #[test]
    fn a_token_does_not_outlive_what_it_was_given_for() {
        let tokens = Tokens::default();
        let basis = Basis::ProviderToken { token: "a.b.c".into(), expires: NOW + 2 * DAY };
        let token = tokens.grant("ann", "phone", basis, NOW).unwrap().unwrap();
        assert_eq!(token.expires, NOW + 2 * DAY);
        // A new one would not be good for longer.
        assert_eq!(used(&tokens, &token, NOW + DAY + 1), Ok(false));
    }

    #[test]
    fn the_older_token_is_good_until_the_newer_one_is_used() {
        let tokens = Tokens::default();
        let first = grant(&tokens, "phone", NOW);
        assert_eq!(used(&tokens, &first, NOW + 1), Ok(false));
        assert_eq!(used(&tokens, &first, NOW + DAY), Ok(true));
        let lost = grant(&tokens, "phone", NOW + DAY);
        let second = grant(&tokens, "phone", NOW + DAY);
        assert_eq!(used(&tokens, &lost, NOW + DAY), Err(TokenRefusal::Unknown));
        assert_eq!(used(&tokens, &first, NOW + DAY), Ok(true));
        assert_eq!(used(&tokens, &second, NOW + DAY), Ok(false));
        assert_eq!(used(&tokens, &first, NOW + DAY), Err(TokenRefusal::Unknown));
        assert_eq!(used(&tokens, &second, NOW + DAY), Ok(false));
    }

    #[test]
    fn a_client_gets_a_token_if_it_asks_or_its_own_is_due() {
        for (after, another, no_more, gets, keeps) in [
            (0, false, false, false, true),
            (0, true, false, true, true),
            (0, false, true, false, false),
            (0, true, true, true, false),
            (DAY, false, false, true, true),
            (DAY, false, true, false, false),
        ] {
            let tokens = Tokens::default();
            let first = grant(&tokens, "phone", NOW);
            let now = NOW + after;
            let used = tokens.use_up("ann", "phone", None, now, |secret| secret == first.secret).unwrap();
            let wish = Wish { another, no_more };
            let settled = tokens.settle("ann", "phone", &Credential::Fast(used), wish, now).unwrap();
            let case = format!("after {after} s, {another}, {no_more}");
            assert_eq!(settled.map(|granted| granted.expires), gets.then_some(now + LIFETIME), "{case}");
            let again = tokens.use_up("ann", "phone", None, now, |secret| secret == first.secret);
            assert_eq!(again.is_ok(), keeps, "{case}");
        }
        let password = Credential::Lasting(Basis::Password);
        for another in [false, true] {
            let wish = Wish { another, no_more: false };
            let settled = Tokens::default().settle("ann", "phone", &password, wish, NOW).unwrap();
            assert_eq!(settled.is_some(), another);
        }
    }

    #[test]
    fn a_count_goes_up_once_it_was_begun() {
        let tokens = Tokens::default();
        let token = grant(&tokens, "phone", NOW);
        for (count, taken) in [
            (None, true),
            (Some(2), true),
            (Some(2), false),
            (Some(1), false),
            (None, false),
            (Some(9), true),
        ] {
            let expected = if taken { Ok(false) } else { Err(TokenRefusal::Replayed) };
            assert_eq!(counted(&tokens, &token, count, NOW), expected, "{count:?}");
        }
    }

    #[test]
    fn what_is_discarded_or_forgotten_opens_nothing() {
        let tokens = Tokens::default();
        let [first, second] = [(); 2].map(|()| {
            let token = grant(&tokens, "phone", NOW);
            assert!(used(&tokens, &token, NOW).is_ok());
            token
        });
        tokens.discard("ann", "phone");
        for token in [first, second] {
            assert_eq!(used(&tokens, &token, NOW), Err(TokenRefusal::Unknown));
        }
        let token = grant(&tokens, "phone", NOW);
        tokens.forget("ann");
        assert_eq!(used(&tokens, &token, NOW), Err(TokenRefusal::Unknown));
    }

    #[test]
    fn one_account_does_not_take_all_the_room() {
        let tokens = Tokens::default();
        for client in 0..=MOST_OF_ACCOUNT as u64 {
            grant(&tokens, &client.to_string(), NOW + client);
        }
        let clients: Vec<_> = tokens.table()["ann"].keys().cloned().collect();
        assert_eq!(clients.len(), MOST_OF_ACCOUNT);
        assert!(!clients.contains(&"0".to_owned()));
    }

    #[test]
    fn tokens_are_bounded_and_expired_ones_make_room() {
        let tokens = Tokens::default();
        for account in 0..MOST {
            let account = account.to_string();
            // Not by `grant`, which looks for expired ones each time.
            let token =
                Token { secret: account.clone(), basis: Basis::Password, expires: NOW, counted: None };
            let slots = Slots { current: Some(token), new: None };
            tokens.table().insert(account, BTreeMap::from([("phone".to_owned(), slots)]));
        }
        assert_eq!(tokens.grant("ann", "phone", Basis::Password, NOW - 1), Ok(None));
        grant(&tokens, "phone", NOW);
        assert_eq!(tokens.table().len(), 1);
    }
}
