//! Groups between the gatekeeper's own users and providers', without connections: what each session is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::contents::Carrier;
use crate::sandbox::gatekeeper::enlistment::Enlistment;
use crate::sandbox::gatekeeper::tests::{ALICE, HOST, Session, calls_to_end, gatekeeper};
use crate::sandbox::gatekeeper::{Behaviour, Shared};
use crate::sandbox::groups::NAMESPACE;

/// The internal identifier of carol@provider.example.
const CAROL: &str = "u-2e";

/// A gatekeeper that carol, too, has enlisted with.
fn with_carol() -> Arc<Shared> {
    let shared = gatekeeper();
    let alice = shared.enlistments.get(ALICE).unwrap();
    shared.enlistments.add(Enlistment {
        internal_id: CAROL.to_owned(),
        visible_id: "carol@provider.example".to_owned(),
        keys: BTreeSet::new(),
        ..alice
    });
    shared
}

fn ask(session: &Session, type_: &str, to: &str, asked: &str) -> String {
    let iq = format!("<iq type='{type_}' id='q' to='{to}'>{asked}</iq>");
    session.send(&iq).unwrap()
}

fn of_groups(name: &str, attributes: &str) -> String {
    format!("<{name} xmlns='{NAMESPACE}'{attributes}/>")
}

/// A group of this session's. Returns its address.
fn create(session: &Session) -> String {
    let answer = ask(session, "set", &format!("groups.{HOST}"), &of_groups("create", " name='Kitchen'"));
    let answer = Element::of_stanza(answer.as_bytes()).unwrap();
    answer.child(NAMESPACE, "group").unwrap().attribute("jid").unwrap().to_owned()
}

fn invite(session: &Session, group: &str, whom: &str) -> String {
    ask(session, "set", group, &of_groups("invite", &format!(" jid='{whom}@{HOST}'")))
}

fn join(session: &Session, group: &str) -> String {
    ask(session, "set", group, &of_groups("join", ""))
}

fn leave(session: &Session, group: &str) -> String {
    ask(session, "set", group, &of_groups("leave", ""))
}

fn members(session: &Session, group: &str) -> String {
    ask(session, "get", group, &of_groups("members", ""))
}

fn say(session: &Session, group: &str, body: &str) -> Option<String> {
    session.send(&format!("<message to='{group}' type='groupchat' id='{body}'><body>{body}</body></message>"))
}

fn picture(session: &Session, group: &str) -> Option<String> {
    session.send(&format!(
        "<message to='{group}' type='groupchat' id='p'><image xmlns='urn:x-vestibule:content:0'/></message>"
    ))
}

/// A group of ann, alice and carol, who are all there and have heard nothing yet.
struct Kitchen {
    shared: Arc<Shared>,
    group: String,
    ann: Session,
    alice: Session,
    carol: Session,
}

fn kitchen() -> Kitchen {
    let shared = with_carol();
    let ann = Session::available(&shared, "ann");
    let group = create(&ann);
    let mut guest = |account: &str| {
        assert!(invite(&ann, &group, account).contains("type='result'"));
        let session = Session::available(&shared, account);
        assert!(join(&session, &group).contains("type='result'"));
        session
    };
    let [alice, carol] = [ALICE, CAROL].map(&mut guest);
    let mut kitchen = Kitchen { shared, group, ann, alice, carol };
    for session in [&mut kitchen.ann, &mut kitchen.alice, &mut kitchen.carol] {
        session.heard();
    }
    kitchen
}

#[tokio::test]
async fn what_a_member_says_all_others_hear_from_the_group_under_the_internal_identifier() {
    let Kitchen { group, mut ann, mut alice, mut carol, .. } = kitchen();
    assert_eq!(say(&alice, &group, "1"), None);
    for (session, account) in [(&mut ann, "ann"), (&mut carol, CAROL)] {
        assert_eq!(
            session.heard(),
            [format!(
                "<message from='{group}/{ALICE}' to='{account}@{HOST}' type='groupchat' id='1'><body>1</body></message>"
            )]
        );
    }
    assert_eq!(alice.heard(), [""; 0]);
}

#[tokio::test]
async fn nobody_speaks_in_the_gatekeepers_name_in_a_group() {
    let Kitchen { group, mut ann, alice, .. } = kitchen();
    alice.send(&format!(
        "<message to='{group}' type='groupchat'><body>x</body>\
         <delay xmlns='urn:xmpp:delay' from='{HOST}' stamp='1970-01-01T00:00:00Z'/></message>"
    ));
    let heard = ann.heard().concat();
    let message = Element::of_stanza(heard.as_bytes()).unwrap();
    assert_eq!(message.children.len(), 1, "the delay is gone: {heard}");
}

#[tokio::test]
async fn an_invitation_reaches_the_absent_whose_provider_is_asked_to_wake_them() {
    let shared = with_carol();
    let ann = Session::available(&shared, "ann");
    let group = create(&ann);
    invite(&ann, &group, ALICE);
    calls_to_end(&shared, ALICE, 1).await;
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    let heard = alice.heard().concat();
    for part in [&format!("from='{group}'"), "<invitation", "name='Kitchen'", "by='ann@gatekeeper.example'"] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    assert!(
        ask(&alice, "get", &format!("groups.{HOST}"), &of_groups("groups", ""))
            .contains("standing='invited'")
    );
    join(&alice, &group);
    assert!(
        ask(&alice, "get", &format!("groups.{HOST}"), &of_groups("groups", "")).contains("standing='member'")
    );
}

#[tokio::test]
async fn members_see_each_other_join_and_leave_and_can_list_who_is_there() {
    let Kitchen { group, mut ann, mut alice, carol, .. } = kitchen();
    assert_eq!(leave(&carol, &group), format!("<iq type='result' id='q' from='{group}'></iq>"));
    for session in [&mut ann, &mut alice] {
        let heard = session.heard().concat();
        assert!(heard.contains("<left") && heard.contains(&format!("jid='{CAROL}@{HOST}'")), "{heard}");
    }
    let listed = members(&alice, &group);
    assert!(listed.contains(&format!("<member jid='{ALICE}@{HOST}' standing='member'/>")), "{listed}");
    assert!(!listed.contains(CAROL) && !listed.contains("alice@provider"), "{listed}");
    assert!(say(&carol, &group, "1").unwrap().contains("<item-not-found"));
}

#[tokio::test]
async fn who_is_in_no_group_cannot_tell_it_from_one_that_is_not_there() {
    let shared = with_carol();
    let (ann, carol) = (Session::available(&shared, "ann"), Session::available(&shared, CAROL));
    let group = create(&ann);
    invite(&ann, &group, ALICE);
    let nowhere = format!("0@groups.{HOST}");
    let tries: [fn(&Session, &str) -> String; 5] = [
        |session, group| members(session, group),
        |session, group| join(session, group),
        |session, group| leave(session, group),
        |session, group| invite(session, group, "nobody"),
        |session, group| say(session, group, "1").unwrap(),
    ];
    for attempt in tries {
        let answers = [&group, &nowhere].map(|group| attempt(&carol, group).replace(group.as_str(), "GROUP"));
        assert!(answers[0].contains("<item-not-found"), "{answers:?}");
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn a_member_whose_client_cannot_receive_it_gets_nothing_and_the_others_do() {
    let Kitchen { shared, group, ann, mut alice, mut carol } = kitchen();
    alice.learn_of(Carrier::Bind, &["text", "image"], &["text"]);
    carol.learn_of(Carrier::Bind, &["text", "image"], &[]);
    let mut tablet = Session::bound(&shared, CAROL, "tablet");
    tablet.send("<presence/>");
    tablet.learn_of(Carrier::Bind, &[], &["image"]);
    tablet.heard();
    carol.heard();
    assert_eq!(picture(&ann, &group), None, "the sender learns nothing of others' clients");
    assert_eq!((alice.heard().len(), carol.heard().len(), tablet.heard().len()), (0, 0, 1));
    say(&ann, &group, "1");
    assert_eq!((alice.heard().len(), carol.heard().len(), tablet.heard().len()), (1, 0, 0));
    shared.change_behaviour(Behaviour { ignore_content_types: true });
    picture(&ann, &group);
    assert_eq!((alice.heard().len(), carol.heard().len(), tablet.heard().len()), (1, 1, 1));
}

#[tokio::test]
async fn what_is_said_while_a_member_is_absent_waits_and_the_provider_is_asked() {
    let Kitchen { shared, group, mut ann, alice, .. } = kitchen();
    shared.leave(&alice.binding);
    drop(alice);
    say(&ann, &group, "1");
    picture(&ann, &group);
    calls_to_end(&shared, ALICE, 1).await;
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.learn_of(Carrier::Bind, &[], &["text"]);
    alice.send("<presence/>");
    let heard = alice.heard();
    let said: Vec<_> = heard.iter().filter(|stanza| stanza.contains("groupchat")).collect();
    assert!(said.len() == 1 && said[0].contains("<delay xmlns='urn:xmpp:delay'"), "{heard:?}");
    assert_eq!(ann.heard(), [""; 0], "what could not be received in the end is not told either");
}

#[tokio::test]
async fn what_a_lost_session_had_not_acknowledged_of_a_group_comes_again() {
    let Kitchen { shared, group, ann, mut alice, .. } = kitchen();
    say(&ann, &group, "1");
    let lost = alice.lost();
    shared.leave(&alice.binding);
    drop(alice);
    say(&ann, &group, "2");
    shared.give_back(ALICE, lost);
    let mut alice = Session::bound(&shared, ALICE, "telephone");
    alice.send("<presence/>");
    assert_eq!(alice.bodies(), ["1", "2"]);
}

#[tokio::test]
async fn who_opts_out_has_left_all_groups() {
    let Kitchen { shared, group, mut ann, alice, carol } = kitchen();
    shared.forget(ALICE);
    assert!(ann.heard().concat().contains("<left"));
    let listed = members(&carol, &group);
    assert!(!listed.contains(ALICE), "{listed}");
    assert_eq!(shared.groups.of(ALICE), []);
    drop(alice);
}

#[tokio::test]
async fn an_account_that_is_gone_is_in_no_group_afterwards() {
    let shared = with_carol();
    let gone = Session::bound(&shared, "gone", "desk");
    create(&gone);
    assert_eq!(shared.groups.of("gone"), []);
}

#[tokio::test]
async fn only_a_group_sends_what_looks_like_a_groups_message() {
    let Kitchen { ann, mut alice, .. } = kitchen();
    for to in [format!("{ALICE}@{HOST}"), format!("{ALICE}@{HOST}/desk")] {
        let refused = ann.send(&format!("<message to='{to}' type='groupchat'><body>x</body></message>"));
        assert!(refused.unwrap().contains("<service-unavailable"), "{to}");
    }
    assert_eq!(alice.heard(), [""; 0]);
}

#[tokio::test]
async fn a_sender_is_told_when_there_was_no_room_for_somebody_and_the_others_have_it() {
    let Kitchen { group, ann, mut carol, .. } = kitchen();
    let answers = (0..300).map_while(|number| {
        carol.heard();
        let answer = say(&ann, &group, &number.to_string());
        answer.is_none().then_some(())
    });
    assert!(answers.count() < 300, "alice reads nothing");
    assert!(say(&ann, &group, "last").unwrap().contains("type='wait'><resource-constraint"));
    assert!(carol.bodies().contains(&"last".to_owned()));
}

#[tokio::test]
async fn what_makes_no_sense_gets_the_error_that_says_so() {
    let Kitchen { group, ann, .. } = kitchen();
    let all = format!("groups.{HOST}");
    let long = "x".repeat(300);
    for (type_, to, asked, condition) in [
        ("set", all.as_str(), of_groups("create", ""), "bad-request"),
        ("set", &all, of_groups("create", &format!(" name='{long}'")), "bad-request"),
        ("set", &all, of_groups("join", ""), "bad-request"),
        ("set", &group, of_groups("create", " name='x'"), "bad-request"),
        ("set", &group, of_groups("invite", ""), "bad-request"),
        ("set", &group, of_groups("invite", " jid='@'"), "jid-malformed"),
        ("set", &group, of_groups("invite", " jid='x@elsewhere.example'"), "item-not-found"),
        ("set", &group, of_groups("invite", &format!(" jid='nobody@{HOST}'")), "item-not-found"),
        ("get", &group, of_groups("groups", ""), "bad-request"),
        ("get", &all, of_groups("members", ""), "bad-request"),
        ("set", &group, "<x xmlns='y'/>".to_owned(), "service-unavailable"),
        ("get", &group, String::new(), "bad-request"),
        ("other", &group, of_groups("join", ""), "bad-request"),
        ("get", &format!("{group}/ann"), of_groups("members", ""), "service-unavailable"),
    ] {
        let answer = ask(&ann, type_, to, &asked);
        assert!(answer.contains(&format!("<{condition} ")), "{asked}: {answer}");
    }
    assert_eq!(ann.send(&format!("<iq type='result' id='q' to='{group}'/>")), None);
    assert_eq!(ann.send(&format!("<message type='error' to='{group}'/>")), None);
    let alone = ann.send(&format!("<message type='chat' to='{group}'><body>x</body></message>")).unwrap();
    assert!(alone.contains("<bad-request"), "{alone}");
    assert_eq!(ann.send(&format!("<presence to='{group}'/>")), None);
}
