//! Routing between the gatekeeper's own users and a provider's, without connections: what each session is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::contents::{Carrier, ContentTypes};
use super::enlistment::Enlistment;
use super::mailbox::Over;
use super::queue::{Queued, Waiting};
use super::routing::Binding;
use super::waking::Pushes;
use super::{Account, Behaviour, Config, Shared};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::Element;

pub(super) const HOST: &str = "gatekeeper.example";
/// The internal identifier of alice@provider.example.
pub(super) const ALICE: &str = "u-1f";

/// A gatekeeper with ann as its own user, whom no contact is given, and alice of a provider that cannot be reached.
pub(super) fn gatekeeper() -> Arc<Shared> {
    let account =
        |name: &str| Account { name: name.to_owned(), password: String::new(), contacts: Vec::new() };
    let config = Config { accounts: vec![account("ann")], ..Config::new(HOST) };
    let shared = Shared::new(config).unwrap();
    shared.enlistments.add(Enlistment {
        internal_id: ALICE.to_owned(),
        issuer: "https://provider.example".to_owned(),
        visible_id: "alice@provider.example".to_owned(),
        keys: BTreeSet::new(),
    });
    Arc::new(shared)
}

/// A session of an account, from its stanzas' side.
pub(super) struct Session {
    shared: Arc<Shared>,
    pub binding: Binding,
}

impl Session {
    pub fn bound(shared: &Arc<Shared>, account: &str, resource: &str) -> Self {
        let binding = shared.router.bind(account, Some(resource.to_owned()), String::new()).unwrap();
        Self { shared: shared.clone(), binding }
    }

    /// Available, with what came at once taken out.
    pub fn available(shared: &Arc<Shared>, account: &str) -> Self {
        let mut session = Self::bound(shared, account, "desk");
        session.send("<presence/>");
        session.heard();
        session
    }

    /// Sends a stanza. Returns what it is answered at once.
    pub fn send(&self, stanza: &str) -> Option<String> {
        self.shared.take(&Stanza::of(stanza), &self.binding).unwrap()
    }

    /// All that has come meanwhile.
    pub fn heard(&mut self) -> Vec<String> {
        self.lost().into_iter().map(|mail| String::from_utf8(mail.stanza).unwrap()).collect()
    }

    /// The same, as a session has it that loses its connection.
    pub fn lost(&mut self) -> Vec<Waiting> {
        std::iter::from_fn(|| self.binding.mail.try_next()).map(|held| held.stanza).collect()
    }

    /// The texts of the messages that have come meanwhile.
    pub fn bodies(&mut self) -> Vec<String> {
        let heard = self.heard();
        let messages = heard.iter().filter_map(|stanza| Element::of_stanza(stanza.as_bytes()));
        messages.filter_map(|message| Some(message.child("jabber:client", "body")?.text.clone())).collect()
    }

    pub fn learn(&self, carrier: Carrier, classes: &[&str]) {
        self.learn_of(carrier, classes, &[]);
    }

    /// The same, with what its client can receive in groups.
    pub fn learn_of(&self, carrier: Carrier, classes: &[&str], in_groups: &[&str]) {
        let pairs = classes.iter().map(|class| format!("<accept class='{class}'/>"));
        let groups = in_groups.iter().map(|class| format!("<accept class='{class}' conversation='group'/>"));
        let accepts: String = pairs.chain(groups).collect();
        let parent = format!("<presence><content-types xmlns='t'>{accepts}</content-types></presence>");
        let parent = Element::of_stanza(parent.as_bytes()).unwrap();
        self.shared.router.learn(&self.binding, ContentTypes::read(&parent, "t", carrier).unwrap());
    }
}

fn message(to: &str, body: &str) -> String {
    format!("<message to='{to}@{HOST}' type='chat' id='{body}'><body>{body}</body></message>")
}

fn video(to: &str) -> String {
    format!("<message to='{to}@{HOST}' id='v'><video xmlns='urn:x-vestibule:content:0'/></message>")
}

/// Waits until no call to a provider is under way.
pub(super) async fn calls_to_end(shared: &Arc<Shared>, account: &str, failed: u64) {
    while shared.waking.pushes(account).failed < failed {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_an_absent_user_of_a_provider_is_sent_waits_and_the_provider_is_asked_once() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    for body in ["1", "2", "3"] {
        assert_eq!(ann.send(&message(ALICE, body)), None);
    }
    calls_to_end(&shared, ALICE, 1).await;
    assert_eq!(ann.send(&message(ALICE, "4")), None);
    assert_eq!(shared.waking.pushes(ALICE), Pushes { asked: 1, failed: 1 });
    assert_eq!(shared.queue.len(ALICE), 4);

    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    let heard = alice.heard();
    assert!(heard.iter().skip(1).all(|stanza| stanza.contains("<delay xmlns='urn:xmpp:delay'")), "{heard:?}");
    assert!(heard[1].contains("from='ann@gatekeeper.example/desk'"), "{heard:?}");
    assert_eq!((heard.len(), shared.queue.len(ALICE)), (5, 0));

    alice.shared.leave(&alice.binding);
    drop(alice);
    ann.send(&message(ALICE, "5"));
    assert_eq!(shared.waking.pushes(ALICE).asked, 2);
}

#[tokio::test]
async fn nobody_is_asked_to_wake_the_gatekeepers_own_users() {
    let shared = gatekeeper();
    let alice = Session::available(&shared, ALICE);
    assert_eq!(alice.send(&message("ann", "1")), None);
    assert_eq!((shared.queue.len("ann"), shared.waking.pushes("ann")), (1, Pushes::default()));
}

#[tokio::test]
async fn over_the_bound_the_sender_is_told_to_wait() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let answers: Vec<_> = (0..200).map(|number| ann.send(&message(ALICE, &number.to_string()))).collect();
    let refused = answers.iter().flatten().collect::<Vec<_>>();
    assert_eq!(refused.len(), 200 - shared.queue.len(ALICE));
    assert!(refused.iter().all(|answer| answer.contains("type='wait'><resource-constraint")));
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    assert_eq!(alice.bodies().len(), 200 - refused.len(), "all that was kept is delivered at once");
}

#[tokio::test]
async fn unacknowledged_messages_come_first_and_in_order() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    let mut alice = Session::available(&shared, ALICE);
    ann.send(&message(ALICE, "1"));
    ann.send(&message(ALICE, "2"));
    ann.send(&format!("<iq type='get' id='q' to='{ALICE}@{HOST}/desk'><q xmlns='q'/></iq>"));
    let lost = alice.lost();
    shared.leave(&alice.binding);
    drop(alice);
    ann.send(&message(ALICE, "3"));
    shared.give_back(ALICE, lost);
    let answered = ann.heard();
    assert!(answered.len() == 1 && answered[0].contains("type='error' id='q'"), "{answered:?}");
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    assert_eq!(alice.bodies(), ["1", "2", "3"]);
}

#[tokio::test]
async fn what_a_session_did_not_come_to_pass_on_waits() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let mut alice = Session::available(&shared, ALICE);
    ann.send(&message(ALICE, "1"));
    shared.leave(&alice.binding);
    let left = alice.binding.close();
    assert_eq!(ann.send(&format!("<message to='{ALICE}@{HOST}/desk' id='2'><body>2</body></message>")), None);
    drop(alice);
    shared.give_back(ALICE, left);
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    assert_eq!(alice.bodies(), ["1", "2"]);
}

#[tokio::test]
async fn unacknowledged_messages_go_to_who_else_is_there() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let mut alice = Session::available(&shared, ALICE);
    let mut other = Session::bound(&shared, ALICE, "tablet");
    ann.send(&message(ALICE, "1"));
    let lost = alice.lost();
    shared.leave(&alice.binding);
    other.send("<presence/>");
    other.heard();
    shared.give_back(ALICE, lost);
    assert_eq!(other.bodies(), ["1"]);
}

#[tokio::test]
async fn a_class_that_was_not_advertised_is_not_sent() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let mut old = Session::available(&shared, ALICE);
    old.learn(Carrier::Bind, &["text"]);
    let refused = ann.send(&video(ALICE)).unwrap();
    for part in ["type='error' id='v'", "type='modify'><not-acceptable", "class='video'"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(old.heard(), [""; 0]);

    let mut new = Session::bound(&shared, ALICE, "tablet");
    new.send("<presence/>");
    new.heard();
    old.heard();
    assert_eq!(ann.send(&video(ALICE)), None, "the other client says nothing, and is sent everything");
    assert_eq!((new.heard().len(), old.heard().len()), (1, 0));

    new.learn(Carrier::Presence, &["image"]);
    assert!(ann.send(&video(ALICE)).is_some());
    shared.change_behaviour(Behaviour { ignore_content_types: true });
    assert_eq!(ann.send(&video(ALICE)), None);
    assert_eq!((new.heard().len(), old.heard().len()), (1, 1));
}

#[tokio::test]
async fn content_that_has_waited_is_judged_when_it_is_delivered() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    assert_eq!(ann.send(&video(ALICE)), None);
    assert_eq!(ann.send(&message(ALICE, "1")), None);
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.learn(Carrier::Bind, &["text"]);
    alice.send("<presence/>");
    assert_eq!(alice.bodies(), ["1"]);
    let told = ann.heard();
    assert!(told.len() == 1 && told[0].contains("<not-acceptable"), "{told:?}");
}

#[tokio::test]
async fn a_providers_user_is_named_to_those_alone_whom_the_user_lets_see() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    ann.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    ann.send(&format!("<presence type='subscribe' to='{ALICE}@{HOST}'/>"));
    let pushed = ann.heard().concat();
    assert!(
        pushed.contains("<item jid='u-1f@gatekeeper.example' subscription='none' ask='subscribe'"),
        "{pushed}"
    );
    assert_eq!(shared.waking.pushes(ALICE).asked, 1);

    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    assert!(alice.heard().concat().contains("<presence type='subscribe' from='ann@gatekeeper.example'"));
    alice.send("<presence type='subscribed' to='ann@gatekeeper.example'/>");
    let told = ann.heard().concat();
    for part in [
        "name='alice@provider.example' subscription='to'",
        "<presence type='subscribed'",
        "from='u-1f@gatekeeper.example/telephone'",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[tokio::test]
async fn who_is_refused_does_not_learn_who_was_there() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    let alice = Session::available(&shared, ALICE);
    ann.send(&format!("<presence type='subscribe' to='{ALICE}@{HOST}'/>"));
    alice.send("<presence type='unsubscribed' to='ann@gatekeeper.example'/>");
    assert_eq!(
        ann.heard(),
        [format!("<presence type='unsubscribed' from='{ALICE}@{HOST}' to='ann@{HOST}'/>")]
    );
}

#[tokio::test]
async fn who_opts_out_leaves_nothing_behind() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    let alice = Session::available(&shared, ALICE);
    alice.send("<presence type='subscribe' to='ann@gatekeeper.example'/>");
    ann.send(&format!("<presence type='subscribed' to='{ALICE}@{HOST}'/>"));
    ann.send(&format!("<presence type='subscribe' to='{ALICE}@{HOST}'/>"));
    alice.send("<presence type='subscribed' to='ann@gatekeeper.example'/>");
    alice.send("<presence type='unavailable'/>");
    ann.send(&message(ALICE, "1"));
    ann.heard();

    shared.forget(ALICE);
    assert_eq!(alice.binding.end.said(), Some(Over::Forgotten));
    assert!(ann.heard().concat().contains("type='unsubscribed'"));
    assert_eq!((shared.queue.len(ALICE), shared.waking.pushes(ALICE)), (0, Pushes::default()));
    assert_eq!(shared.contacts.which(ALICE, |_| true), []);
    let left = shared.contacts.get("ann", ALICE).map(|contact| contact.subscription());
    assert_eq!(left, Some("none"));
}

#[tokio::test]
async fn a_providers_user_is_named_to_whom_the_user_asks_to_see() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let roster = || ann.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").unwrap();
    ann.send(&format!(
        "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='{ALICE}@{HOST}'/></query></iq>"
    ));
    let listed = roster();
    assert!(listed.contains(ALICE) && !listed.contains("name="), "{listed}");
    let alice = Session::available(&shared, ALICE);
    alice.send("<presence type='subscribe' to='ann@gatekeeper.example'/>");
    let listed = roster();
    assert!(listed.contains("name='alice@provider.example' subscription='none'"), "{listed}");
}

#[tokio::test]
async fn who_was_sent_presence_sees_it_go_also_after_an_error() {
    let shared = gatekeeper();
    let mut alice = Session::available(&shared, ALICE);
    let ann = Session::bound(&shared, "ann", "desk");
    for type_ in ["", "type='error'"] {
        ann.send(&format!("<presence {type_} to='{ALICE}@{HOST}/desk'/>"));
    }
    alice.heard();
    shared.leave(&ann.binding);
    assert_eq!(alice.heard(), [format!("<presence type='unavailable' from='ann@{HOST}/desk'/>")]);
}

#[tokio::test]
async fn presence_that_is_too_long_is_refused_and_told_to_nobody() {
    let shared = gatekeeper();
    let mut ann = Session::available(&shared, "ann");
    let presence = |attributes: &str, length| {
        format!("<presence {attributes}><status>{}</status></presence>", "x".repeat(length))
    };
    assert_eq!(ann.send(&presence("", 16_000)), None);
    assert_eq!(ann.heard().len(), 1);
    for attributes in ["", &format!("to='{ALICE}@{HOST}'"), &format!("to='ann@{HOST}/desk'")] {
        let refused = ann.send(&presence(attributes, 17_000)).unwrap();
        assert!(refused.contains("<error type='modify'><policy-violation"), "{refused}");
    }
    assert_eq!(ann.send(&presence(&format!("type='error' to='ann@{HOST}/desk'"), 17_000)), None);
    assert_eq!(ann.heard(), [""; 0]);
}

#[tokio::test]
async fn who_opts_out_is_ended_with_a_full_mailbox_too() {
    let shared = gatekeeper();
    let ann = Session::available(&shared, "ann");
    let alice = Session::available(&shared, ALICE);
    while ann.send(&message(ALICE, "1")).is_none() {}
    shared.forget(ALICE);
    assert_eq!(alice.binding.end.said(), Some(Over::Forgotten));
}

#[tokio::test]
async fn nothing_is_put_down_for_an_account_that_is_gone() {
    let shared = gatekeeper();
    let message = Waiting::now(b"<message/>".to_vec());
    shared.queue.keep("gone", Queued { sender: "ann".to_owned(), message }).unwrap();
    shared.deliver_waiting("gone");
    assert_eq!(shared.queue.len("gone"), 0);
}

#[tokio::test]
async fn a_session_that_is_not_over_yet_leaves_no_roster_of_an_account_that_is_gone() {
    let shared = gatekeeper();
    let (mut ann, gone) = (Session::available(&shared, "ann"), Session::bound(&shared, "gone", "desk"));
    gone.send(&format!(
        "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='{ALICE}@{HOST}'/></query></iq>"
    ));
    assert_eq!(shared.contacts.which("gone", |_| true), []);
    gone.send(&format!("<presence type='subscribe' to='ann@{HOST}'/>"));
    assert_eq!(shared.contacts.which("gone", |_| true), []);
    assert_eq!(shared.contacts.which("ann", |_| true), []);
    assert!(
        ann.heard().concat().contains("type='unsubscribe' from='gone@"),
        "ann is asked by nobody any more"
    );
}

#[tokio::test]
async fn what_is_given_back_keeps_the_time_at_which_it_came() {
    let shared = gatekeeper();
    let stanza = format!("<message to='{ALICE}@{HOST}'><body>1</body></message>").into_bytes();
    shared.give_back(ALICE, vec![Waiting { stanza, since: std::time::UNIX_EPOCH }]);
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    let heard = alice.heard().concat();
    assert!(heard.contains("stamp='1970-01-01T00:00:00Z'"), "{heard}");
}
