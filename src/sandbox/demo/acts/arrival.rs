//! Alice connects through Vestibule, Bob directly. The provider's list is added on her way.

use std::collections::BTreeSet;

use super::{Pair, Wire, contains, session_of};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::difference::{self, Mark};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::gatekeeper::{Accept, SessionRecord};
use crate::stanza::namespace::{BIND, CLIENT, SASL};

/// Mallory connects as well, and becomes available later.
pub async fn play(stage: &Stage, front: &Front, alice: &Enlisted) -> Result<(Scene, Pair), ActError> {
    let bob = Online::bob(stage).await?;
    let mut pair = Pair { alice: alice.arrive(front, "").await?, bob };
    befriend(&mut pair, alice).await?;
    let wire = Wire::between(&pair.alice, stage)?;
    let (sent, received) = wire.from_client.first_with(BIND).unwrap_or_default();
    let session = session_of(stage, &pair.alice)?;
    let scene = Scene {
        title: "Alice connects through Vestibule",
        explanation: "Her client opens a stream with her token (RFC 7628), which passes Vestibule untouched. A \
                      gatekeeper should not send a client what it cannot show, and the provider knows what each \
                      build of its clients can receive: so Vestibule adds the provider's list to the request that \
                      every client makes once, when it binds its resource. Behind a proxy the gatekeeper no longer sees \
                      who connects: so the same request says the address that Alice connected from, which is \
                      the one thing that the metadata policy lets the gatekeeper know. Bob is a user of the gatekeeper and is \
                      connected to it directly; they agree to see each other's presence.",
        exchanges: vec![Exchange::new(
            "Alice's bind request, as she sent it and as the gatekeeper got it",
            sent,
            received,
        )],
        listings: vec![told(&session), learnt(&session), connections(&pair, front, &session)?],
        findings: vec![
            authentication(&wire),
            advertised(&session),
            nothing_else(sent, received),
            address(&pair, &session)?,
            own_connections(stage),
            presence(&pair, &wire),
        ],
        ..Scene::default()
    };
    Ok((scene, pair))
}

/// Each asks for the other's presence and agrees (RFC 6121, section 3.1). Bob's side shows in what Alice receives.
async fn befriend(Pair { alice, bob }: &mut Pair, enlisted: &Enlisted) -> Result<(), ActError> {
    let (hers, his) = (enlisted.bare_jid(), BOB.bare_jid());
    for (to, by_bob) in [(&his, false), (&hers, true)] {
        let ask = format!("<presence to='{to}' type='subscribe'/>");
        let (asking, asked) = if by_bob { (&mut *bob, &mut *alice) } else { (&mut *alice, &mut *bob) };
        asking.say(ask.as_bytes()).await?;
        asked.receive(|stanza| stanza.attribute("type") == Some("subscribe")).await?;
        let from = if by_bob { &his } else { &hers };
        asked.say(format!("<presence to='{from}' type='subscribed'/>").as_bytes()).await?;
        let full_jid = asked.jid.clone();
        asking
            .receive(|stanza| {
                stanza.is(CLIENT, "presence")
                    && stanza.attribute("type").is_none()
                    && stanza.attribute("from") == Some(&full_jid)
            })
            .await?;
    }
    Ok(())
}

fn told(session: &SessionRecord) -> Listing {
    let accepts = session.content_types.iter().flat_map(|told| &told.accepts);
    Listing {
        caption: "What the gatekeeper learnt of Alice's client".to_owned(),
        lines: accepts.map(line).collect(),
    }
}

fn line(Accept { class, media_type, max_size, .. }: &Accept) -> String {
    let class = class.as_deref().unwrap_or("?");
    let media_type = media_type.as_deref().unwrap_or("any type");
    let size = max_size.as_ref().map(|size| format!(", up to {size} bytes")).unwrap_or_default();
    readable(format!("{class:<10} {media_type}{size}").as_bytes())
}

fn learnt(session: &SessionRecord) -> Listing {
    let mut lines = vec![format!("TCP connection from {} (Vestibule)", session.peer)];
    let signals = session.signals.iter().flatten();
    lines.extend(signals.map(|signal| {
        let source = signal.attributes.get("source").map_or("?", String::as_str);
        readable(format!("{} {} ({source} by Vestibule)", signal.name, signal.text).as_bytes())
    }));
    Listing { caption: "What it learnt of her connection".to_owned(), lines }
}

/// What is told has to be the address that her client's socket has.
fn address(pair: &Pair, session: &SessionRecord) -> Result<Finding, ActError> {
    let hers = pair.alice.client.local_address().map_err(|error| pair.alice.failed(error))?.ip().to_string();
    let told: Vec<_> = session.signals.iter().flatten().collect();
    let observed = matches!(told[..], [signal] if signal.name == "client-address" && signal.text == hers);
    let detail = format!("{} told, her socket has {hers}", told.len());
    Ok(Finding::new(Claim::AddressTold, observed, detail))
}

fn authentication(wire: &Wire) -> Finding {
    let checked = [&wire.from_client, &wire.from_gatekeeper].map(|passage| passage.untouched(SASL));
    let frames: usize = checked.iter().map(|(_, frames)| frames).sum();
    let untouched = checked.iter().all(|(untouched, _)| *untouched);
    let by_token = wire.from_client.first_with("mechanism='OAUTHBEARER'").is_some();
    let detail = format!("{frames} elements compared on both sides");
    Finding::new(Claim::AuthenticationUntouched, untouched && by_token, detail)
}

fn advertised(session: &SessionRecord) -> Finding {
    let kinds: usize = session.content_types.iter().map(|told| told.accepts.len()).sum();
    Finding::new(Claim::Advertised, kinds > 0, format!("it was told of {kinds} kinds of content"))
}

/// The request that was received, without the lines that the comparison marks as added, has to be what was sent.
fn nothing_else(sent: &[u8], received: &[u8]) -> Finding {
    let lines = difference::between(&readable(sent), &readable(received)).unwrap_or_default();
    let marked = |mark: Mark| lines.iter().filter(move |line| line.mark == mark);
    let kept: String = marked(Mark::Kept).map(|line| line.text.as_str()).collect();
    let added: usize = marked(Mark::Added).map(|line| line.text.len()).sum();
    let has_list = contains(received, "<content-types ");
    let observed = has_list && kept.as_bytes() == sent && kept.len() + added == received.len();
    let detail = format!("{} bytes sent, {added} added, {} received", sent.len(), received.len());
    Finding::new(Claim::NothingElseAdded, observed, detail)
}

/// Each has to have the other's available presence, Alice's on both sides of Vestibule.
fn presence(pair: &Pair, wire: &Wire) -> Finding {
    let of = |frame: &&Vec<u8>, sender: &str| {
        contains(frame, "<presence") && contains(frame, &format!("from='{sender}'"))
    };
    let by_alice = wire.from_gatekeeper.received.iter().filter(|frame| of(frame, &pair.bob.jid)).count();
    let received = super::frames(&pair.bob.client.transcripts().received());
    let by_bob = received.iter().filter(|frame| of(frame, &pair.alice.jid)).count();
    let detail = format!("{by_alice} received by Alice, {by_bob} by Bob");
    Finding::new(Claim::PresencePassed, by_alice > 0 && by_bob > 0, detail)
}

/// Both legs of Alice's way, and Bob's, as the sockets have them.
fn connections(pair: &Pair, front: &Front, session: &SessionRecord) -> Result<Listing, ActError> {
    let own = |online: &Online| online.client.local_address().map_err(|error| online.failed(error));
    let listener = front.server().address;
    let lines = vec![
        format!("Alice  {} -> {listener} Vestibule {} -> gatekeeper", own(&pair.alice)?, session.peer),
        format!("Bob    {} -> gatekeeper", own(&pair.bob)?),
    ];
    Ok(Listing { caption: "Their connections".to_owned(), lines })
}

fn own_connections(stage: &Stage) -> Finding {
    let sessions = stage.gatekeeper.sessions();
    let peers: BTreeSet<_> = sessions.iter().map(|session| session.peer).collect();
    let bound: BTreeSet<_> = sessions.iter().filter_map(|session| session.full_jid.as_ref()).collect();
    let observed = peers.len() == 2 && bound.len() == 2;
    let detail = format!("2 clients, {} connections at the gatekeeper", peers.len());
    Finding::new(Claim::OwnConnections, observed, detail)
}
