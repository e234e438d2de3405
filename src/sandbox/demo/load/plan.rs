//! Who writes what to whom, known beforehand, so that what is lost or comes twice can be told.
//!
//! The users stand in a ring and in groups: each writes to the next one, and now and then to its group.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

/// Messages that each user writes.
pub const MESSAGES: usize = 10;
/// Users of one group.
pub const GROUP: usize = 8;
/// One user of so many loses its connection in the middle, and resumes its session.
const CUT_ONE_OF: usize = 10;

/// A kind of message. What else can be sent is added here, with its weight and its receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A text to the next user in the ring.
    OneToOne,
    /// A text to all others of the own group.
    Group,
}

/// How often each kind is written: the shares of all messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    pub one_to_one: usize,
    pub group: usize,
}

impl Default for Mix {
    fn default() -> Self {
        Self { one_to_one: 4, group: 1 }
    }
}

/// What is written by all users together.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub users: usize,
    pub mix: Mix,
}

/// One message: the number of its sender, and its own among those of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    pub sender: usize,
    pub message: usize,
}

/// What one user has been sent, against what the user was to be sent.
#[derive(Debug, Default)]
pub struct Ledger {
    /// How often each of those that were to come has come.
    came: BTreeMap<Number, usize>,
    /// Messages that were for somebody else.
    strays: usize,
    missing: usize,
}

/// What became of messages, by how often one came to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// To be received: a message to a group counts for each who is to receive it.
    pub expected: usize,
    /// Of these, the ones that came.
    pub received: usize,
    pub lost: usize,
    /// What came again, or to somebody whom it was not for.
    pub doubled: usize,
}

impl Mix {
    /// The kinds take turns by their weights, and users begin at different ones. Without any weight all are one-to-one.
    fn kind(self, turn: usize) -> Kind {
        let all = self.one_to_one + self.group;
        if all > 0 && turn % all >= self.one_to_one { Kind::Group } else { Kind::OneToOne }
    }
}

impl Plan {
    pub fn kind(&self, Number { sender, message }: Number) -> Kind {
        self.mix.kind(sender + message)
    }

    /// To whom a user writes alone: the one behind in the ring, the last to the first.
    pub fn next(&self, user: usize) -> usize {
        (user + 1) % self.users.max(1)
    }

    /// The users of a group; the last group may have fewer.
    pub fn group(&self, group: usize) -> Range<usize> {
        let first = group * GROUP;
        first..(first + GROUP).min(self.users)
    }

    pub fn groups(&self) -> usize {
        self.users.div_ceil(GROUP)
    }

    /// All that a user is to be sent.
    pub fn ledger(&self, receiver: usize) -> Ledger {
        let before = (receiver + self.users.saturating_sub(1)) % self.users.max(1);
        let mates = self.group(receiver / GROUP).filter(|mate| *mate != receiver);
        let of = |sender: usize, kind: Kind| {
            let numbers = (0..MESSAGES).map(move |message| Number { sender, message });
            numbers.filter(move |number| self.kind(*number) == kind)
        };
        let alone = of(before, Kind::OneToOne);
        let came: BTreeMap<_, _> =
            alone.chain(mates.flat_map(|mate| of(mate, Kind::Group))).map(|number| (number, 0)).collect();
        Ledger { missing: came.len(), came, strays: 0 }
    }

    /// After how many of its messages a user loses its connection, if it does.
    pub fn cut_after(&self, user: usize) -> Option<usize> {
        (user % CUT_ONE_OF == CUT_ONE_OF / 2).then_some(MESSAGES / 2)
    }

    /// How many users lose theirs.
    pub fn cuts(&self) -> usize {
        (0..self.users).filter(|user| self.cut_after(*user).is_some()).count()
    }
}

impl Ledger {
    /// This one has come. Returns whether it was to come, and for the first time.
    pub fn note(&mut self, number: Number) -> bool {
        match self.came.get_mut(&number) {
            Some(times) => {
                *times += 1;
                if *times == 1 {
                    self.missing -= 1;
                }
                *times == 1
            }
            None => {
                self.strays += 1;
                false
            }
        }
    }

    /// Whether all has come.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    pub fn account(&self) -> Account {
        let again: usize = self.came.values().map(|times| times.saturating_sub(1)).sum();
        Account {
            expected: self.came.len(),
            received: self.came.len() - self.missing,
            lost: self.missing,
            doubled: again + self.strays,
        }
    }
}

impl Account {
    pub fn add(&mut self, other: Account) {
        self.expected += other.expected;
        self.received += other.received;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }

    /// Whether each message came once to each who was to have it.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.received == self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(users: usize) -> Plan {
        Plan { users, mix: Mix::default() }
    }

    /// Delivers everything that the plan has written, but for what `deliver` leaves out or does again.
    fn deliver(plan: Plan, times: impl Fn(usize, Number) -> usize) -> Account {
        let mut account = Account::default();
        for receiver in 0..plan.users {
            let mut ledger = plan.ledger(receiver);
            for sender in 0..plan.users {
                for message in 0..MESSAGES {
                    let number = Number { sender, message };
                    let is_for = match plan.kind(number) {
                        Kind::OneToOne => plan.next(sender) == receiver,
                        Kind::Group => sender / GROUP == receiver / GROUP && sender != receiver,
                    };
                    (0..if is_for { times(receiver, number) } else { 0 }).for_each(|_| {
                        ledger.note(number);
                    });
                }
            }
            account.add(ledger.account());
        }
        account
    }

    #[test]
    fn all_that_is_written_is_expected_once_by_each_who_is_to_have_it() {
        for users in [1, 2, 7, 8, 9, 20] {
            let account = deliver(plan(users), |_, _| 1);
            assert!(account.is_clean() && account.received > 0, "{users}: {account:?}");
        }
        // A fifth of the messages goes to the seven others of the group.
        let account = deliver(plan(16), |_, _| 1);
        assert_eq!(account.received, 16 * (8 + 2 * 7));
    }

    #[test]
    fn a_message_that_is_lost_is_noticed() {
        let account = deliver(plan(20), |receiver, number| {
            usize::from((receiver, number) != (3, Number { sender: 2, message: 0 }))
        });
        assert_eq!((account.lost, account.doubled), (1, 0));
        assert!(!account.is_clean());
    }

    #[test]
    fn a_message_that_comes_twice_or_to_somebody_else_is_noticed() {
        let twice = deliver(plan(20), |receiver, _| if receiver == 4 { 2 } else { 1 });
        assert!(twice.lost == 0 && twice.doubled > 0 && !twice.is_clean(), "{twice:?}");
        let mut ledger = plan(20).ledger(0);
        assert!(!ledger.note(Number { sender: 12, message: 0 }));
        assert_eq!(ledger.account().doubled, 1);
    }

    #[test]
    fn one_that_is_lost_does_not_stand_for_one_that_comes_twice() {
        let plan = plan(2);
        let mut ledger = plan.ledger(0);
        let expected = ledger.account().expected;
        let first = *ledger.came.keys().next().unwrap();
        (0..expected).for_each(|_| {
            ledger.note(first);
        });
        assert_eq!(
            ledger.account(),
            Account { expected, received: 1, lost: expected - 1, doubled: expected - 1 }
        );
        assert!(!ledger.is_complete());
    }

    #[test]
    fn kinds_are_written_by_their_weights() {
        let count = |mix: Mix| (0..100).filter(|turn| mix.kind(*turn) == Kind::Group).count();
        assert_eq!(count(Mix { one_to_one: 3, group: 1 }), 25);
        assert_eq!(count(Mix { one_to_one: 0, group: 1 }), 100);
        assert_eq!(count(Mix { one_to_one: 0, group: 0 }), 0);
    }

    #[test]
    fn some_lose_their_connections() {
        assert_eq!(plan(4).cuts(), 0);
        assert_eq!(plan(2000).cuts(), 200);
    }
}
