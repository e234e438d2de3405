//! Devices that write to each other, with what a network, a gatekeeper and other devices can do to them.

use std::slice::from_ref;

use proptest::prelude::*;
use vodozemac::olm::OlmMessage;

use super::*;
use crate::sandbox::element::Element;

const ANN: &str = "ann@gatekeeper.example";
const BEN: &str = "ben@gatekeeper.example";

/// A gatekeeper's part: it tells of devices, and gives out their keys.
#[derive(Default)]
struct Published(Vec<Publication>);

impl Published {
    fn publish(&mut self, device: &mut Device) {
        self.0.push(device.publication(0).unwrap());
    }

    fn devices(&self) -> Vec<PublicDevice> {
        self.0.iter().map(|publication| publication.device.clone()).collect()
    }

    fn offers(&mut self, ids: &[DeviceId]) -> Vec<(DeviceId, OfferedKey)> {
        let asked = self.0.iter_mut().filter(|publication| ids.contains(&publication.device.id));
        let offer = |publication: &mut Publication| {
            let one_time = publication.one_time.pop().map(OfferedKey::OneTime);
            let key = one_time.or_else(|| publication.fallback.clone().map(OfferedKey::Fallback))?;
            Some((publication.device.id.clone(), key))
        };
        asked.filter_map(offer).collect()
    }

    /// What a client does before it writes to `account`.
    fn look(&mut self, device: &mut Device, account: &str) -> Learnt {
        let learnt = device.learn(account, &self.devices()).unwrap();
        let offers = self.offers(&device.without_session(account));
        assert_eq!(device.start(account, &offers), 0);
        learnt
    }
}

/// Two who can write to each other.
struct Two {
    ann: Device,
    ben: Device,
    of_ann: Published,
    of_ben: Published,
}

impl Two {
    fn new() -> Self {
        let (mut ann, mut ben) = (Device::new(ANN).unwrap(), Device::new(BEN).unwrap());
        let (mut of_ann, mut of_ben) = (Published::default(), Published::default());
        of_ann.publish(&mut ann);
        of_ben.publish(&mut ben);
        of_ben.look(&mut ann, BEN);
        ben.learn(ANN, &of_ann.devices()).unwrap();
        Self { ann, ben, of_ann, of_ben }
    }

    /// Both have written, so that what follows begins no session.
    fn acquainted() -> Self {
        let mut two = Self::new();
        let first = write(&mut two.ann, BEN, "first");
        assert_eq!(text(two.ben.open(ANN, &first)), Ok("first".to_owned()));
        two.of_ann.look(&mut two.ben, ANN);
        let second = write(&mut two.ben, ANN, "second");
        assert_eq!(text(two.ann.open(BEN, &second)), Ok("second".to_owned()));
        two
    }
}

fn write(device: &mut Device, to: &str, said: &str) -> Envelope {
    let document = device.document("m-1", to, Payload::text(said));
    device.seal(to, &document).unwrap()
}

fn text(opened: Result<Opened, OpenError>) -> Result<String, OpenError> {
    opened.map(|opened| opened.document.payload.words().unwrap_or_default().to_owned())
}

/// The envelope with its copies changed.
fn with_bytes(envelope: &Envelope, change: impl Fn(&mut Vec<u8>)) -> Option<Envelope> {
    let changed = envelope.copies.iter().map(|(id, message)| {
        let (kind, mut bytes) = message.to_parts();
        change(&mut bytes);
        Some((id.clone(), OlmMessage::from_parts(kind, &bytes).ok()?))
    });
    let copies = changed.collect::<Option<_>>()?;
    let Envelope { device, class, outside, .. } = envelope;
    let (device, class, outside) = (device.clone(), class.clone(), outside.clone());
    Some(Envelope { device, class, outside, copies })
}

#[test]
fn all_that_people_say_is_read_as_it_was_written_in_both_directions() {
    let mut two = Two::acquainted();
    for payload in [
        Payload::text("Fish & chips?"),
        Payload::Reply { to: "m-1".to_owned(), text: "Half past".to_owned() },
        Payload::Reaction { to: "m-1".to_owned(), emoji: "\u{1F41F}".to_owned() },
        Payload::Receipt { state: ReceiptState::Delivered, of: vec!["m-1".to_owned()] },
    ] {
        let document = two.ann.document("m-2", BEN, payload.clone());
        let envelope = two.ann.seal(BEN, &document).unwrap();
        let opened = two.ben.open(ANN, &envelope).unwrap();
        assert!(opened.document == document && !opened.is_own);
        let document = two.ben.document("m-3", ANN, payload);
        let envelope = two.ben.seal(ANN, &document).unwrap();
        assert!(two.ann.open(BEN, &envelope).unwrap().document == document);
    }
}

#[test]
fn an_envelope_is_read_from_xml_as_it_was_written_and_shows_its_class_alone() {
    let mut two = Two::new();
    let envelope = write(&mut two.ann, BEN, "the secret");
    let written = envelope.write("urn:c");
    assert!(written.starts_with("<text xmlns='urn:c'><encrypted xmlns='urn:x-vestibule:encryption:0' "));
    assert!(!written.contains("secret") && !written.contains("m-1"));
    let message = Element::of_stanza(format!("<message>{written}</message>").as_bytes()).unwrap();
    let read = Envelope::read(&message, "urn:c").unwrap().unwrap();
    assert_eq!(read.class.as_deref(), Some("text"));
    assert_eq!(text(two.ben.open(ANN, &read)), Ok("the secret".to_owned()));
    assert!(Envelope::read(&message, "urn:other").is_none());
}

#[test]
fn a_receipt_stands_in_no_class() {
    let mut two = Two::new();
    let receipt = Payload::Receipt { state: ReceiptState::Read, of: vec!["m".to_owned()] };
    let envelope = two.ann.seal(BEN, &two.ann.document("r", BEN, receipt)).unwrap();
    let written = envelope.write("urn:c");
    assert!(written.starts_with("<encrypted "), "{written}");
    let message = Element::of_stanza(format!("<message>{written}</message>").as_bytes()).unwrap();
    let read = Envelope::read(&message, "urn:c").unwrap().unwrap();
    assert!(two.ben.open(ANN, &read).is_ok());
}

#[test]
fn messages_before_an_answer_come_in_any_order_and_each_is_read_once() {
    let mut two = Two::new();
    let sent: Vec<_> = (0..4).map(|number| write(&mut two.ann, BEN, &number.to_string())).collect();
    for number in [2, 0, 3, 1] {
        assert_eq!(text(two.ben.open(ANN, &sent[number])), Ok(number.to_string()));
        assert_eq!(text(two.ben.open(ANN, &sent[number])), Err(OpenError::Spent));
    }
}

#[test]
fn a_changed_ciphertext_is_refused_and_the_right_one_is_read_afterwards() {
    for mut two in [Two::new(), Two::acquainted()] {
        let envelope = write(&mut two.ann, BEN, "right");
        let length = envelope.copies[0].1.to_parts().1.len();
        let mut refused = 0;
        for at in 0..length {
            // What has no longer the form of a message does not come as far.
            let Some(changed) = with_bytes(&envelope, |bytes| bytes[at] ^= 1) else { continue };
            let error = two.ben.open(ANN, &changed).unwrap_err();
            let kinds = [
                OpenError::Damaged,
                OpenError::IdentityChanged,
                OpenError::NoKey,
                OpenError::TooFarAhead,
                OpenError::Spent,
                OpenError::Malformed,
            ];
            assert!(kinds.contains(&error), "{at}: {error:?}");
            refused += 1;
        }
        assert!(refused > length / 2, "{refused} of {length}");
        assert_eq!(text(two.ben.open(ANN, &envelope)), Ok("right".to_owned()));
    }
}

#[test]
fn what_comes_after_too_many_missing_ones_is_refused_and_kept_keys_are_bounded() {
    let mut two = Two::acquainted();
    let first = write(&mut two.ann, BEN, "first");
    for _ in 0..100 {
        write(&mut two.ann, BEN, "lost");
    }
    let late = write(&mut two.ann, BEN, "late");
    assert_eq!(text(two.ben.open(ANN, &late)), Ok("late".to_owned()));
    // More were skipped than keys are kept of.
    assert_eq!(text(two.ben.open(ANN, &first)), Err(OpenError::Spent));
    for _ in 0..2100 {
        write(&mut two.ann, BEN, "lost");
    }
    let far = write(&mut two.ann, BEN, "far");
    assert_eq!(text(two.ben.open(ANN, &far)), Err(OpenError::TooFarAhead));
}

#[test]
fn both_may_begin_at_the_same_moment() {
    let mut two = Two::new();
    two.of_ann.look(&mut two.ben, ANN);
    let (hers, his) = (write(&mut two.ann, BEN, "hers"), write(&mut two.ben, ANN, "his"));
    assert_eq!(text(two.ann.open(BEN, &his)), Ok("his".to_owned()));
    assert_eq!(text(two.ben.open(ANN, &hers)), Ok("hers".to_owned()));
    for round in 0..3 {
        let (hers, his) = (write(&mut two.ann, BEN, "hers"), write(&mut two.ben, ANN, "his"));
        assert_eq!(text(two.ann.open(BEN, &his)), Ok("his".to_owned()), "{round}");
        assert_eq!(text(two.ben.open(ANN, &hers)), Ok("hers".to_owned()), "{round}");
    }
}

#[test]
fn a_new_device_gets_what_is_written_from_then_on() {
    let mut two = Two::acquainted();
    let before = write(&mut two.ann, BEN, "before");
    let mut telephone = Device::new(BEN).unwrap();
    two.of_ben.publish(&mut telephone);
    let learnt = two.of_ben.look(&mut two.ann, BEN);
    assert_eq!(
        (learnt.new.as_slice(), learnt.changed.as_slice()),
        ([telephone.id().clone()].as_slice(), [].as_slice())
    );
    telephone.learn(ANN, &two.of_ann.devices()).unwrap();
    let after = write(&mut two.ann, BEN, "after");
    assert_eq!(text(telephone.open(ANN, &before)), Err(OpenError::NotForThisDevice));
    assert_eq!(text(telephone.open(ANN, &after)), Ok("after".to_owned()));
    assert_eq!(text(two.ben.open(ANN, &after)), Ok("after".to_owned()));
}

#[test]
fn the_own_other_devices_are_told_what_was_said_to_whom() {
    let mut two = Two::new();
    let mut tablet = Device::new(ANN).unwrap();
    two.of_ann.publish(&mut tablet);
    two.of_ann.look(&mut two.ann, ANN);
    tablet.learn(ANN, &two.of_ann.devices()).unwrap();
    let document = two.ann.document("m-1", BEN, Payload::text("said"));
    let own = two.ann.seal(ANN, &document).unwrap();
    assert_eq!(own.copies.len(), 1);
    let opened = tablet.open(ANN, &own).unwrap();
    assert!(opened.is_own && opened.document.to == BEN);
}

#[test]
fn a_device_that_is_gone_is_written_to_no_more() {
    let mut two = Two::acquainted();
    assert_eq!(two.ann.learn(BEN, &[]).unwrap(), Learnt::default());
    let document = two.ann.document("m-1", BEN, Payload::text("x"));
    assert_eq!(two.ann.seal(BEN, &document).err(), Some(SealError::NoDevice));
    two.of_ben.look(&mut two.ann, BEN);
    assert!(two.ann.seal(BEN, &document).is_ok());
}

#[test]
fn another_identity_key_is_refused_until_it_is_trusted() {
    let mut two = Two::acquainted();
    let letter = write(&mut two.ann, BEN, "to the former one");
    let mut other = Device::new(BEN).unwrap();
    other.id = two.ben.id().clone();
    let mut swapped = Published::default();
    swapped.publish(&mut other);
    other.learn(ANN, &two.of_ann.devices()).unwrap();
    two.of_ann.look(&mut other, ANN);
    let from_other = write(&mut other, ANN, "from the other");
    // Before it is looked up, and after.
    assert_eq!(text(two.ann.open(BEN, &from_other)), Err(OpenError::IdentityChanged));
    let learnt = two.ann.learn(BEN, &swapped.devices()).unwrap();
    assert_eq!(learnt.changed, [other.id().clone()]);
    assert_eq!(text(two.ann.open(BEN, &from_other)), Err(OpenError::IdentityChanged));
    let document = two.ann.document("m-1", BEN, Payload::text("x"));
    assert_eq!(two.ann.seal(BEN, &document).err(), Some(SealError::IdentityChanged));
    assert_eq!(two.ann.without_session(BEN), []);
    assert_eq!(text(other.open(ANN, &letter)), Err(OpenError::Damaged));

    assert!(two.ann.trust(BEN, other.id()) && !two.ann.trust(BEN, other.id()));
    swapped.look(&mut two.ann, BEN);
    let after = two.ann.seal(BEN, &document).unwrap();
    assert!(other.open(ANN, &after).is_ok());
    assert_eq!(text(two.ann.open(BEN, &from_other)), Ok("from the other".to_owned()));
}

#[test]
fn keys_that_the_device_has_not_signed_are_of_no_use() {
    let mut two = Two::new();
    let mut mallory = Device::new(BEN).unwrap();
    let forged = mallory.publication(0).unwrap();
    let right = two.of_ben.devices().remove(0);
    let (mut ann, named) = (Device::new(ANN).unwrap(), from_ref(&right.id));
    // Another device's keys, under its name or for another account.
    for wrong in [
        PublicDevice { id: right.id.clone(), ..forged.device.clone() },
        PublicDevice { keys: forged.device.keys, ..right.clone() },
        PublicDevice { signature: forged.device.signature, ..right.clone() },
    ] {
        assert_eq!(ann.learn(BEN, from_ref(&wrong)).unwrap().unsigned, named);
    }
    assert_eq!(ann.learn(ANN, from_ref(&right)).unwrap().unsigned, named);
    assert_eq!(ann.learn(BEN, from_ref(&right)).unwrap().new, named);
    let [(_, OfferedKey::OneTime(key))] = &two.of_ben.offers(named)[..] else { panic!() };
    let foreign = forged.one_time[0].clone();
    for wrong in [
        OfferedKey::OneTime(foreign.clone()),
        OfferedKey::Fallback(key.clone()),
        OfferedKey::OneTime(SignedKey { key: foreign.key, ..key.clone() }),
    ] {
        assert_eq!(ann.start(BEN, &[(right.id.clone(), wrong)]), 1);
    }
    assert_eq!(ann.seal(BEN, &ann.document("m", BEN, Payload::text("x"))).err(), Some(SealError::NoSession));
    assert_eq!(ann.start(BEN, &[(right.id, OfferedKey::OneTime(key.clone()))]), 0);
    assert_eq!(ann.start("cat@h", &two.of_ben.offers(&[two.ben.id().clone()])), 1);
}

#[test]
fn nobody_can_present_anothers_message_as_their_own_or_as_of_another_class() {
    let mut two = Two::new();
    let envelope = write(&mut two.ann, BEN, "hers");
    // Mallory has published ann's identity key as a device of her own.
    let mallory = "mallory@gatekeeper.example";
    let mut forged = Device::restore(&two.ann.save().unwrap()).unwrap();
    forged.account = mallory.to_owned();
    two.ben.learn(mallory, &[forged.public()]).unwrap();
    assert_eq!(text(two.ben.open(mallory, &envelope)), Err(OpenError::Misdirected));
    let mut two = Two::new();
    for class in [Some("video".to_owned()), None] {
        let relabelled = Envelope { class, ..write(&mut two.ann, BEN, "hers") };
        assert_eq!(text(two.ben.open(ANN, &relabelled)), Err(OpenError::Mislabelled));
    }
    let to_cat = two.ann.document("m", "cat@h", Payload::text("x"));
    let envelope = two.ann.seal(BEN, &to_cat).unwrap();
    assert_eq!(text(two.ben.open(ANN, &envelope)), Err(OpenError::Misdirected));
}

#[test]
fn a_device_that_is_restored_goes_on_where_it_was() {
    let mut two = Two::acquainted();
    let (late, soon) = (write(&mut two.ann, BEN, "late"), write(&mut two.ann, BEN, "soon"));
    assert_eq!(text(two.ben.open(ANN, &soon)), Ok("soon".to_owned()));
    let mut ben = Device::restore(&two.ben.save().unwrap()).unwrap();
    assert_eq!((ben.id(), ben.fingerprint()), (two.ben.id(), two.ben.fingerprint()));
    assert_eq!(text(ben.open(ANN, &late)), Ok("late".to_owned()));
    assert_eq!(text(ben.open(ANN, &soon)), Err(OpenError::Spent));
    let answer = write(&mut ben, ANN, "answer");
    assert_eq!(text(two.ann.open(BEN, &answer)), Ok("answer".to_owned()));
    assert_eq!(ben.fingerprints(ANN), [(two.ann.id().clone(), two.ann.fingerprint())]);

    let saved = String::from_utf8(two.ben.save().unwrap().to_vec()).unwrap();
    let other_version = saved.replacen("\"version\":0", "\"version\":1", 1);
    assert_eq!(Device::restore(other_version.as_bytes()).err(), Some(SavedError::Version));
    assert_eq!(Device::restore(b"{}").err(), Some(SavedError::Malformed));
}

#[test]
fn what_began_a_session_with_a_fallback_key_begins_no_other() {
    let mut two = Two::new();
    let fallback = |published: &Published| {
        let key = published.0[0].fallback.clone().unwrap();
        [(published.0[0].device.id.clone(), OfferedKey::Fallback(key))]
    };
    let begin = |two: &mut Two| {
        let mut ann = Device::restore(&two.ann.save().unwrap()).unwrap();
        assert_eq!(ann.start(BEN, &fallback(&two.of_ben)), 0);
        write(&mut ann, BEN, "again and again")
    };
    let first = begin(&mut two);
    assert!(two.ben.open(ANN, &first).is_ok());
    for _ in 0..5 {
        let next = begin(&mut two);
        assert!(two.ben.open(ANN, &next).is_ok());
    }
    assert_eq!(text(two.ben.open(ANN, &first)), Err(OpenError::Spent));
}

#[test]
fn contacts_and_devices_are_bounded() {
    let mut ann = Device::new(ANN).unwrap();
    let (mut refused, mut accounts) = (None, 0);
    while refused.is_none() {
        accounts += 1;
        refused = ann.learn(&format!("{accounts}@h"), &[]).err();
    }
    assert_eq!((refused, accounts), (Some(LearnError::TooMany), 257));
    let mut ann = Device::new(ANN).unwrap();
    let known = (0..1000).take_while(|_| {
        let device = Device::new(BEN).unwrap().public();
        ann.learn(BEN, &[device]).is_ok()
    });
    assert_eq!(known.count(), 4 * MOST_DEVICES);
}

#[test]
fn neither_keys_nor_words_are_in_what_is_printed_for_programmers() {
    let mut two = Two::new();
    let envelope = write(&mut two.ann, BEN, "secret");
    let opened = two.ben.open(ANN, &envelope).unwrap();
    assert_eq!(
        format!("{:?} {opened:?}", two.ben),
        "Device(1 accounts) Opened { document: Document(Payload(text, 6 bytes)), is_own: false }"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is lost, late or doubled on either way: what comes is read once, and nothing else is.
    #[test]
    fn in_any_order_exactly_what_is_delivered_is_read_and_once(
        order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        lost in proptest::collection::vec(any::<bool>(), 40),
        acquainted in any::<bool>(),
    ) {
        let mut two = if acquainted { Two::acquainted() } else { Two::new() };
        let sent: Vec<_> = (0..40).map(|number| write(&mut two.ann, BEN, &number.to_string())).collect();
        for number in order.into_iter().filter(|number| !lost[*number]) {
            prop_assert_eq!(text(two.ben.open(ANN, &sent[number])), Ok(number.to_string()));
            prop_assert_eq!(text(two.ben.open(ANN, &sent[number])), Err(OpenError::Spent));
        }
        two.of_ann.look(&mut two.ben, ANN);
        let answer = write(&mut two.ben, ANN, "answer");
        prop_assert_eq!(text(two.ann.open(BEN, &answer)), Ok("answer".to_owned()));
    }
}
