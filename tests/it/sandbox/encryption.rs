//! Encryption over the whole way: clients, a Vestibule and a gatekeeper, and what each of them could do to it.

use vestibule::sandbox::client::encryption::{self, EncryptionError};
use vestibule::sandbox::client::{Client, Refused, Request};
use vestibule::sandbox::element::Element;
use vestibule::sandbox::encryption::{
    Device, MOST_DEVICES, MOST_ONE_TIME_KEYS, OpenError, Opened, Payload, Publication, ReceiptState,
    SealError,
};
use vestibule::sandbox::gatekeeper::Behaviour;

use super::system::{Enlisted, HOST, System, catch_up, hear};

const BOB: &str = "bob@gatekeeper.example";

/// Somebody whose device is published.
struct Person {
    client: Client,
    device: Device,
}

impl Person {
    async fn new(client: Client, account: &str) -> Self {
        let mut person = Self { client, device: Device::new(account).unwrap() };
        encryption::publish(&mut person.client, &mut person.device).await.unwrap();
        person
    }

    async fn alice(system: &System, user: &Enlisted) -> Self {
        Self::new(system.online(user).await, &user.bare_jid()).await
    }

    async fn bob(system: &System) -> Self {
        Self::new(system.bob().await, BOB).await
    }

    async fn write(&mut self, to: &str, id: &str, payload: Payload) -> Result<String, EncryptionError> {
        let sent = encryption::send(&mut self.client, &mut self.device, to, id, payload).await;
        sent.map(|(message, _)| message)
    }

    /// What is read of the next message.
    async fn read(&mut self) -> Result<Opened, EncryptionError> {
        let message = hear(&mut self.client).await;
        self.open(&message).await.expect("something encrypted")
    }

    async fn open(&mut self, message: &Element) -> Option<Result<Opened, EncryptionError>> {
        encryption::open(&mut self.client, &mut self.device, message).await
    }

    async fn ask(&mut self, to: &str, request: Request, content: &str) -> Result<Option<Element>, Refused> {
        self.client.ask(to, request, content).await.unwrap()
    }

    async fn publish(&mut self, publication: &Publication) -> Result<Option<Element>, Refused> {
        let account = self.device.account().to_owned();
        self.ask(&account, Request::Set, &publication.write()).await
    }
}

fn words(opened: Result<Opened, EncryptionError>) -> Result<String, EncryptionError> {
    opened.map(|opened| opened.document.payload.words().unwrap_or_default().to_owned())
}

fn request(name: &str, devices: &[&str]) -> String {
    let devices: String = devices.iter().map(|id| format!("<device id='{id}'/>")).collect();
    format!("<{name} xmlns='urn:x-vestibule:encryption:0'>{devices}</{name}>")
}

#[tokio::test]
async fn what_is_said_is_read_at_both_ends_and_nowhere_between() {
    const WORDS: [&str; 3] = ["Fish and chips at eight?", "Half past, with vinegar", "delicious \u{1F41F}"];
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let sent = alice.write(BOB, "m-1", Payload::text(WORDS[0])).await.unwrap();
    let heard = hear(&mut bob.client).await;
    assert_eq!(words(bob.open(&heard).await.unwrap()), Ok(WORDS[0].to_owned()));
    assert_eq!(heard.attribute("id"), Some("m-1"));
    let reply = Payload::Reply { to: "m-1".to_owned(), text: WORDS[1].to_owned() };
    bob.write(&user.jid(), "m-2", reply.clone()).await.unwrap();
    assert!(alice.read().await.unwrap().document.payload == reply);
    let receipt = Payload::Receipt { state: ReceiptState::Read, of: vec!["m-2".to_owned()] };
    alice.write(BOB, "m-3", receipt.clone()).await.unwrap();
    assert!(bob.read().await.unwrap().document.payload == receipt);
    let reaction = Payload::Reaction { to: "m-2".to_owned(), emoji: WORDS[2].to_owned() };
    alice.write(BOB, "m-4", reaction.clone()).await.unwrap();
    assert!(bob.read().await.unwrap().document.payload == reaction);

    let (hers, jid) = (alice.client.transcripts(), user.jid());
    let sessions = system.gatekeeper.sessions();
    let session = sessions.iter().find(|session| session.full_jid.as_ref() == Some(&jid)).unwrap();
    let theirs = &session.transcripts;
    // The same bytes on both sides, but for the edits of the stream's beginning.
    assert!(String::from_utf8_lossy(theirs.received().bytes()).contains(&sent));
    for transcript in [hers.sent(), hers.received(), theirs.sent(), theirs.received()] {
        let passed = String::from_utf8_lossy(transcript.bytes());
        assert!(WORDS.iter().all(|words| !passed.contains(words)) && passed.contains("<encrypted "));
    }
}

#[tokio::test]
async fn all_of_a_users_devices_read_it_and_the_senders_other_ones_are_told() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut desk) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    alice.write(BOB, "m-1", Payload::text("before")).await.unwrap();
    assert_eq!(words(desk.read().await), Ok("before".to_owned()));
    let mut telephone = Person::bob(&system).await;
    alice.write(BOB, "m-2", Payload::text("after")).await.unwrap();
    assert_eq!(words(desk.read().await), Ok("after".to_owned()));
    assert_eq!(words(telephone.read().await), Ok("after".to_owned()));
    telephone.write(&user.bare_jid(), "m-3", Payload::text("from here")).await.unwrap();
    assert_eq!(words(alice.read().await), Ok("from here".to_owned()));
    let told = desk.read().await.unwrap();
    assert!(told.is_own && told.document.to == user.bare_jid());
    // What is only for the others comes back, too, and is not for this device.
    assert_eq!(telephone.read().await.err(), Some(OpenError::NotForThisDevice.into()));

    encryption::withdraw(&mut telephone.client, &telephone.device).await.unwrap();
    alice.write(BOB, "m-4", Payload::text("gone")).await.unwrap();
    assert_eq!(words(desk.read().await), Ok("gone".to_owned()));
    assert_eq!(telephone.read().await.err(), Some(OpenError::NotForThisDevice.into()));
}

#[tokio::test]
async fn who_has_no_device_is_not_written_to() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, _bob) = (Person::alice(&system, &user).await, system.bob().await);
    let refused = alice.write(BOB, "m-1", Payload::text("x")).await;
    assert_eq!(refused.err(), Some(SealError::NoDevice.into()));
    let refused = alice.write(&format!("nobody@{HOST}"), "m-1", Payload::text("x")).await;
    assert_eq!(refused.err(), Some(Refused::Unavailable.into()));
    let passed = String::from_utf8_lossy(alice.client.transcripts().sent().bytes()).into_owned();
    assert!(!passed.contains("<message"));
}

#[tokio::test]
async fn keys_in_the_place_of_anothers_are_found_out() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    alice.write(BOB, "m-1", Payload::text("to bob")).await.unwrap();
    bob.read().await.unwrap();
    // As a gatekeeper could: another identity under the same name.
    let mut other = Device::named(BOB, bob.device.id().clone());
    bob.publish(&other.publication(0).unwrap()).await.unwrap();
    let refused = alice.write(BOB, "m-2", Payload::text("to whom?")).await;
    assert_eq!(refused.err(), Some(SealError::IdentityChanged.into()));
    let mut thief = Person { client: system.bob().await, device: other };
    thief.write(&user.jid(), "m-3", Payload::text("it is me")).await.unwrap();
    assert_eq!(alice.read().await.err(), Some(OpenError::IdentityChanged.into()));
    // Only she can say that it is Bob all the same.
    assert!(alice.device.trust(BOB, thief.device.id()));
    alice.write(BOB, "m-4", Payload::text("so it is you")).await.unwrap();
    assert_eq!(words(thief.read().await), Ok("so it is you".to_owned()));
    // Bob's device finds out, too, and puts its own keys back.
    encryption::publish(&mut bob.client, &mut bob.device).await.unwrap();
    let refused = alice.write(BOB, "m-5", Payload::text("and you?")).await;
    assert_eq!(refused.err(), Some(SealError::IdentityChanged.into()));
    let found = encryption::trust(&mut alice.client, &mut alice.device, BOB).await;
    assert_eq!(found, Ok(vec![bob.device.id().clone()]));
    alice.write(BOB, "m-6", Payload::text("you again")).await.unwrap();
    let heard = bob.client.receive_where(|stanza| stanza.attribute("id") == Some("m-6")).await.unwrap().root;
    assert_eq!(words(bob.open(&heard).await.unwrap()), Ok("you again".to_owned()));
}

#[tokio::test]
async fn keys_that_no_device_has_signed_are_not_written_with() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let mut mallory = Device::new(BOB).unwrap();
    let forged = mallory.publication(0).unwrap();
    // Her keys with the signature of his device, and his device with one-time keys of hers.
    let genuine = bob.device.public();
    let unsigned = Publication { device: genuine.clone(), one_time: forged.one_time.clone(), fallback: None };
    let id = genuine.id.as_str().to_owned();
    bob.ask(BOB, Request::Set, &request("remove", &[&id])).await.unwrap();
    bob.publish(&unsigned).await.unwrap();
    let refused = alice.write(BOB, "m-1", Payload::text("x")).await;
    assert_eq!(refused.err(), Some(SealError::NoSession.into()));
    bob.ask(BOB, Request::Set, &request("remove", &[&id])).await.unwrap();
    let mut swapped = forged.device.clone();
    swapped.signature = genuine.signature;
    bob.publish(&Publication { device: swapped, one_time: forged.one_time, fallback: None }).await.unwrap();
    let refused = alice.write(BOB, "m-1", Payload::text("x")).await;
    assert_eq!(refused.err(), Some(SealError::NoDevice.into()));
}

#[tokio::test]
async fn one_time_keys_are_given_once_and_a_fallback_key_when_none_is_left() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let id = bob.device.id().as_str().to_owned();
    let mut given = Vec::new();
    for _ in 0..MOST_ONE_TIME_KEYS {
        let answer = alice.ask(BOB, Request::Set, &request("take", &[&id])).await.unwrap().unwrap();
        let key = &answer.children[0].children[0];
        assert_eq!(key.name, "one-time");
        given.push(key.attribute("key").unwrap().to_owned());
    }
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), MOST_ONE_TIME_KEYS);
    let left = bob.ask(BOB, Request::Get, &request("left", &[&id])).await.unwrap().unwrap();
    assert_eq!(left.attribute("one-time"), Some("0"));
    // With the fallback key it works all the same.
    alice.write(BOB, "m-1", Payload::text("none is left")).await.unwrap();
    assert_eq!(words(bob.read().await), Ok("none is left".to_owned()));
    encryption::publish(&mut bob.client, &mut bob.device).await.unwrap();
    let left = bob.ask(BOB, Request::Get, &request("left", &[&id])).await.unwrap().unwrap();
    assert_eq!(left.attribute("one-time"), Some(MOST_ONE_TIME_KEYS.to_string().as_str()));
}

#[tokio::test]
async fn requests_that_cannot_be_granted_are_told_why() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let id = bob.device.id().as_str().to_owned();
    let many: Vec<String> = (0..=MOST_DEVICES).map(|number| format!("d{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let publication = Device::new(BOB).unwrap().publication(0).unwrap().write();
    let no_keys = publication.replace("<publish", "<x").replace("</publish", "</x");
    for (to, kind, content, expected) in [
        (BOB, Request::Set, request("take", &[]), Refused::BadRequest),
        (BOB, Request::Set, request("take", &["../"]), Refused::BadRequest),
        (BOB, Request::Set, request("take", &[&id, &id]), Refused::BadRequest),
        (BOB, Request::Set, request("take", &many), Refused::NotAcceptable),
        (BOB, Request::Set, request("take", &[&id, "other"]), Refused::NotFound),
        (BOB, Request::Get, request("take", &[&id]), Refused::BadRequest),
        (BOB, Request::Get, request("left", &[&id]), Refused::Forbidden),
        (BOB, Request::Set, request("remove", &[&id]), Refused::Forbidden),
        (BOB, Request::Set, publication.clone(), Refused::Forbidden),
        (BOB, Request::Set, no_keys, Refused::BadRequest),
        (BOB, Request::Get, request("dance", &[]), Refused::BadRequest),
    ] {
        let answer = alice.ask(to, kind, &content).await;
        assert_eq!(answer.err(), Some(expected), "{content:.200}");
    }
    let base64 = publication.replacen("key='", "key='!", 1);
    let another = publication.replacen("<one-time", "<one-more", 1);
    let twice = format!("{}{}", request("devices", &[]), request("devices", &[]));
    for (kind, content, expected) in [
        (Request::Set, base64, Refused::BadRequest),
        (Request::Set, another, Refused::BadRequest),
        (Request::Get, twice, Refused::BadRequest),
        (Request::Get, request("left", &["other"]), Refused::NotFound),
        (Request::Get, request("left", &[&id, "other"]), Refused::BadRequest),
        (Request::Set, request("remove", &["other"]), Refused::NotFound),
    ] {
        let answer = bob.ask(BOB, kind, &content).await;
        assert_eq!(answer.err(), Some(expected), "{content:.200}");
    }
    // More keys than a device may have, and more devices than an account may have.
    let more = bob.device.publication(0).unwrap();
    assert_eq!(bob.publish(&more).await.err(), Some(Refused::NotAcceptable));
    for _ in 1..MOST_DEVICES {
        let mut device = Device::new(BOB).unwrap();
        assert!(bob.publish(&device.publication(0).unwrap()).await.is_ok());
    }
    let mut device = Device::new(BOB).unwrap();
    assert_eq!(bob.publish(&device.publication(0).unwrap()).await.err(), Some(Refused::ResourceConstraint));
    // All of that has taken none of the keys that were there.
    let left = bob.ask(BOB, Request::Get, &request("left", &[&id])).await.unwrap().unwrap();
    assert_eq!(left.attribute("one-time"), Some(MOST_ONE_TIME_KEYS.to_string().as_str()));
}

#[tokio::test]
async fn who_opts_out_leaves_no_keys_behind() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (_alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let devices = request("devices", &[]);
    let published = bob.ask(&user.bare_jid(), Request::Get, &devices).await.unwrap().unwrap();
    assert_eq!(published.children.len(), 1);
    system.enlisting.opt_out(&user.token, &user.internal_id).await.unwrap();
    let gone = bob.ask(&user.bare_jid(), Request::Get, &devices).await;
    assert_eq!(gone.err(), Some(Refused::Unavailable));
}

#[tokio::test]
async fn an_answer_is_believed_from_whom_it_was_asked_and_nothing_that_comes_before_it_is_lost() {
    let system = System::start().await;
    let (user, other) = (system.enlisted("alice").await, system.enlisted("carol").await);
    let (mut alice, mut carol) = (Person::alice(&system, &user).await, system.online(&other).await);
    let mut bob = Person::bob(&system).await;
    for number in 1..=9 {
        // Answers to requests that Alice's client is about to make.
        let forged = format!(
            "<iq to='{}' id='ask-{number}' type='result'><devices xmlns='urn:x-vestibule:encryption:0'/></iq>",
            user.jid()
        );
        carol.send(forged.as_bytes()).await.unwrap();
        carol.send(format!("<message to='{}' id='c-{number}'/>", user.jid()).as_bytes()).await.unwrap();
    }
    catch_up(&mut carol).await;
    alice.write(BOB, "m-1", Payload::text("to bob")).await.unwrap();
    assert_eq!(words(bob.read().await), Ok("to bob".to_owned()));
    for number in 1..=9 {
        assert_eq!(hear(&mut alice.client).await.attribute("id"), Some(format!("c-{number}").as_str()));
    }
}

#[tokio::test]
async fn what_came_before_an_answer_outlives_the_connection() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    bob.write(&user.jid(), "m-1", Payload::text("waits")).await.unwrap();
    catch_up(&mut bob.client).await;
    alice.write(BOB, "m-2", Payload::text("asks first")).await.unwrap();
    let Person { client, device } = alice;
    let client = system.resumed(&user.token, &client.cut().unwrap()).await.unwrap();
    let mut alice = Person { client, device };
    assert_eq!(words(alice.read().await), Ok("waits".to_owned()));
    bob.write(&user.jid(), "m-3", Payload::text("goes on")).await.unwrap();
    assert_eq!(words(alice.read().await), Ok("goes on".to_owned()));
}

#[tokio::test]
async fn encrypted_content_is_judged_by_its_class_and_what_is_left_of_it_is_understood() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    // Her client shows no reactions, and the gatekeeper was told so.
    let reaction = Payload::Reaction { to: "m-0".to_owned(), emoji: "\u{1F41F}".to_owned() };
    bob.write(&user.jid(), "m-1", reaction.clone()).await.unwrap();
    let refused = hear(&mut bob.client).await;
    assert_eq!((refused.attribute("id"), refused.attribute("type")), (Some("m-1"), Some("error")));
    // It no longer cares, and Vestibule does.
    system.gatekeeper.behave(Behaviour { ignore_content_types: true });
    bob.write(&user.jid(), "m-2", reaction).await.unwrap();
    let withheld = hear(&mut alice.client).await;
    assert_eq!(withheld.attribute("id"), Some("m-2"));
    assert!(alice.open(&withheld).await.is_none());
    // A video becomes a text in the clear, and nothing of the encryption is left.
    let document = Payload::text("as a video");
    let sealed = encryption::seal(&mut bob.client, &mut bob.device, &user.bare_jid(), "m-3", document).await;
    let relabelled = sealed.unwrap().content.replace("<text ", "<video ").replace("</text>", "</video>");
    bob.client.send(encryption::message(&user.jid(), "m-3", &relabelled).as_bytes()).await.unwrap();
    let replaced = hear(&mut alice.client).await;
    let body = replaced.children.iter().find(|child| child.name == "body").unwrap();
    assert_eq!(body.text, "You have been sent a video that this app cannot play.");
    assert!(alice.open(&replaced).await.is_none());
    // What is written as a class that she can receive has to be of that class.
    let reaction = Payload::Reaction { to: "m-0".to_owned(), emoji: "\u{1F41F}".to_owned() };
    let sealed = encryption::seal(&mut bob.client, &mut bob.device, &user.bare_jid(), "m-4", reaction).await;
    let relabelled =
        sealed.unwrap().content.replace("<reaction ", "<text ").replace("</reaction>", "</text>");
    bob.client.send(encryption::message(&user.jid(), "m-4", &relabelled).as_bytes()).await.unwrap();
    assert_eq!(alice.read().await.err(), Some(OpenError::Mislabelled.into()));
    // All of that was lost to the ratchet, which goes on.
    bob.write(&user.jid(), "m-5", Payload::text("text is text")).await.unwrap();
    assert_eq!(words(alice.read().await), Ok("text is text".to_owned()));
}

#[tokio::test]
async fn what_is_changed_late_or_doubled_on_its_way_is_told_apart() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (Person::alice(&system, &user).await, Person::bob(&system).await);
    let mut sealed = Vec::new();
    for number in 0..4 {
        let said = Payload::text(&number.to_string());
        let content =
            encryption::seal(&mut alice.client, &mut alice.device, BOB, "m", said).await.unwrap().content;
        sealed.push(encryption::message(BOB, "m", &content));
    }
    let end = sealed[3].find("</copy>").unwrap();
    let mut changed = sealed[3].clone();
    let other = if &changed[end - 20..end - 19] == "A" { "B" } else { "A" };
    changed.replace_range(end - 20..end - 19, other);
    let no_base64 = sealed[3].replace("</copy>", "!</copy>");
    for (message, expected) in [
        (&sealed[2], Ok("2".to_owned())),
        (&sealed[0], Ok("0".to_owned())),
        (&sealed[2], Err(OpenError::Spent.into())),
        (&changed, Err(OpenError::Damaged.into())),
        (&sealed[3], Ok("3".to_owned())),
        (&no_base64, Err(vestibule::sandbox::encryption::EnvelopeError::Malformed.into())),
        (&sealed[1], Ok("1".to_owned())),
    ] {
        alice.client.send(message.as_bytes()).await.unwrap();
        assert_eq!(words(bob.read().await), expected);
    }
    // Another user passes on what was written to Bob as if it were hers.
    let mut carol = system.online(&system.enlisted("carol").await).await;
    carol.send(sealed[1].as_bytes()).await.unwrap();
    assert_eq!(bob.read().await.err(), Some(OpenError::UnknownDevice.into()));
}
