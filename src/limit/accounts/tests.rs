use std::time::Duration;

use super::*;
use crate::limit::{Cost, RateLimit, RateLimiter, Slowed};

const HOST: &str = "gatekeeper.example";

fn limits(sessions: u32, stanza_burst: u32) -> AccountLimits {
    let count = |value| NonZeroU32::new(value).expect("not zero");
    let rate = Rate { stanzas_per_second: count(1), stanza_burst: count(stanza_burst), ..Rate::ACCOUNT };
    AccountLimits { sessions: count(sessions), rate }
}

fn bytes(kib_per_second: u32, kib_burst: u32) -> AccountLimits {
    let count = |value| NonZeroU32::new(value).expect("not zero");
    let rate = Rate { kib_per_second: count(kib_per_second), kib_burst: count(kib_burst), ..Rate::ACCOUNT };
    AccountLimits { sessions: count(9), rate }
}

fn accounts() -> Arc<Accounts> {
    Arc::new(Accounts::new(&[7; SECRET_LENGTH]))
}

#[test]
fn an_account_has_so_many_sessions_at_one_time_and_another_one_its_own() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(2, 5));
    let enter = |account| accounts.enter(HOST, account, &limits, now);
    let one = enter("alice@gatekeeper.example").expect("the first");
    let _two = enter("alice@gatekeeper.example").expect("the second");
    assert_eq!(enter("alice@gatekeeper.example").err(), Some(TooManySessions));
    assert!(enter("bob@gatekeeper.example").is_ok());
    drop(one);
    assert!(enter("alice@gatekeeper.example").is_ok());
}

#[test]
fn all_sessions_of_an_account_share_its_rate_and_another_account_does_not() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(9, 5));
    let session = |account| {
        let mut limiter = RateLimiter::new(None, now);
        limiter.join(accounts.enter(HOST, account, &limits, now).expect("there is room"), now);
        limiter
    };
    let (mut phone, mut desktop) = (session("alice@gatekeeper.example"), session("alice@gatekeeper.example"));
    let mut stranger = session("bob@gatekeeper.example");
    let pass = |limiter: &mut RateLimiter, now| {
        let admitted = limiter.admit(now)?;
        limiter.charge(admitted, Cost::Stanza(100), now);
        Ok(())
    };
    let slowed =
        |seconds| Slowed { until: now + Duration::from_secs(seconds), by: RateLimit::AccountStanzas };
    // The burst of five, and one more for each session.
    for _ in 0..3 {
        assert_eq!(pass(&mut phone, now), Ok(()));
        assert_eq!(pass(&mut desktop, now), Ok(()));
    }
    assert_eq!(pass(&mut phone, now), Ok(()));
    // Whose last one passed first may send the next one first.
    assert_eq!(pass(&mut phone, now), Err(slowed(2)));
    assert_eq!(pass(&mut desktop, now), Err(slowed(1)));
    let later = now + Duration::from_secs(1);
    assert_eq!(pass(&mut phone, later), Err(slowed(2)));
    assert_eq!(pass(&mut desktop, later), Ok(()));
    assert_eq!(pass(&mut desktop, later), Err(slowed(3)));
    assert_eq!(pass(&mut stranger, now), Ok(()));
}

#[test]
fn who_has_passed_much_waits_no_longer_for_sessions_that_pass_little() {
    let (start, accounts, limits) = (Instant::now(), accounts(), bytes(64, 256));
    let session = || {
        let mut limiter = RateLimiter::new(None, start);
        limiter.join(accounts.enter(HOST, "alice@gatekeeper.example", &limits, start).expect("room"), start);
        limiter
    };
    let passes = |limiter: &mut RateLimiter, bytes, now| {
        let admitted = limiter.admit(now);
        admitted.map(|admitted| limiter.charge(admitted, Cost::Stanza(bytes), now)).is_ok()
    };
    let (mut picture, mut chatter, mut quiet) = (session(), session(), session());
    for _ in 0..2 {
        assert!(passes(&mut picture, 256 * 1024, start));
    }
    // 64 KiB a second, of which the others want more than all.
    let paid = start + Duration::from_secs(4);
    for millisecond in 0..4000 {
        let now = start + Duration::from_millis(millisecond);
        passes(&mut chatter, 1024, now);
        assert_eq!(picture.admit(now).err().map(|slowed| slowed.until), Some(paid));
    }
    assert!(picture.admit(paid).is_ok());
    // And who has sent nothing for long sends at once.
    assert!(passes(&mut quiet, 1024, paid));
}

#[test]
fn what_passes_before_the_account_is_named_is_owed_to_it() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(9, 5));
    let mut limiter = RateLimiter::new(None, now);
    let pass = |limiter: &mut RateLimiter| {
        let admitted = limiter.admit(now).expect("nothing is owed");
        limiter.charge(admitted, Cost::Stanza(100), now);
    };
    // What authenticates is nobody's.
    (0..50).for_each(|_| pass(&mut limiter));
    limiter.await_account();
    (0..25).for_each(|_| pass(&mut limiter));
    limiter.join(accounts.enter(HOST, "alice@gatekeeper.example", &limits, now).expect("there is room"), now);
    let slowed =
        |seconds| Slowed { until: now + Duration::from_secs(seconds), by: RateLimit::AccountStanzas };
    // The burst of five pays for a part.
    assert_eq!(limiter.admit(now).err(), Some(slowed(20)));
    // And who goes leaves it behind.
    drop(limiter);
    let mut next = RateLimiter::new(None, now);
    next.join(accounts.enter(HOST, "alice@gatekeeper.example", &limits, now).expect("there is room"), now);
    assert_eq!(next.admit(now).err(), Some(slowed(20)));
}

#[test]
fn who_reconnects_finds_the_account_in_the_debt_that_it_was_left_in() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(9, 1));
    let session = || {
        let mut limiter = RateLimiter::new(None, now);
        limiter.join(
            accounts.enter(HOST, "alice@gatekeeper.example", &limits, now).expect("there is room"),
            now,
        );
        limiter
    };
    for _ in 0..2 {
        let mut limiter = session();
        let admitted = limiter.admit(now).expect("within the burst, and one more");
        limiter.charge(admitted, Cost::Stanza(1), now);
    }
    // Whoever waits for it, it is in the way of all.
    let (mut one, mut other) = (session(), session());
    assert!(one.admit(now).is_err());
    assert!(other.admit(now).is_err());
    drop((one, other));
    assert!(session().admit(now).is_err());
}

#[test]
fn a_resumed_session_belongs_to_the_account_that_it_was_begun_by() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(1, 5));
    let first = accounts.enter(HOST, "alice@gatekeeper.example", &limits, now).expect("the first");
    first.remember_resumption(HOST, "id-1");
    // The connection that is resumed may not have ended here yet.
    let resumed = accounts.resume(HOST, "id-1", &limits, now).expect("known");
    assert!(Arc::ptr_eq(&first.account, &resumed.account));
    assert!(accounts.resume(HOST, "id-2", &limits, now).is_none());
    assert!(accounts.resume("other.example", "id-1", &limits, now).is_none());
}

#[test]
fn of_too_many_resumption_ids_the_oldest_are_forgotten() {
    let (now, accounts, limits) = (Instant::now(), accounts(), limits(1, 5));
    let permit = accounts.enter(HOST, "alice@gatekeeper.example", &limits, now).expect("the first");
    for number in 0..=MOST_RESUMPTIONS + 1 {
        permit.remember_resumption(HOST, &number.to_string());
        permit.remember_resumption(HOST, &number.to_string());
        // Who is resumed again and again is not forgotten, nor who is told the same id again.
        permit.remember_resumption(HOST, "0");
        assert!(accounts.resume(HOST, &1.min(number).to_string(), &limits, now).is_some());
    }
    let remembered = accounts.resumptions();
    assert_eq!((remembered.accounts.len(), remembered.order.len()), (MOST_RESUMPTIONS, MOST_RESUMPTIONS));
    drop(remembered);
    let is_known = |id| accounts.resume(HOST, id, &limits, now).is_some();
    assert_eq!(["0", "1", "2", "3", "4"].map(is_known), [true, true, false, false, true]);
}

#[test]
fn under_another_rate_an_account_has_used_as_much_and_its_sessions_count() {
    let (now, accounts) = (Instant::now(), accounts());
    let account = "alice@gatekeeper.example";
    let stanzas = |limits: &AccountLimits| {
        let mut limiter = RateLimiter::new(None, now);
        limiter.join(accounts.enter(HOST, account, limits, now).expect("there is room"), now);
        let mut passed = 0;
        while let Ok(admitted) = limiter.admit(now) {
            limiter.charge(admitted, Cost::Stanza(100), now);
            passed += 1;
        }
        (limiter, passed)
    };
    // Each session is one ahead, which it owes.
    let (first, passed) = stanzas(&limits(2, 5));
    assert_eq!(passed, 6);
    let (second, passed) = stanzas(&limits(2, 8));
    assert_eq!(passed, 3);
    assert_eq!(accounts.enter(HOST, account, &limits(2, 9), now).err(), Some(TooManySessions));
    assert!(accounts.enter(HOST, account, &limits(3, 9), now).is_ok());
    drop((first, second));
}
