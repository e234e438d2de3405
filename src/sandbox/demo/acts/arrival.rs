//! Alice and Bob connect, authenticate, bind and become available. The provider's list is added on the way.

use std::collections::BTreeSet;

use super::{Pair, Wire, contains, session_of};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::difference::{self, Mark};
use crate::sandbox::demo::people::{ALICE, BOB, Person};
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::gatekeeper::{Accept, SessionRecord};
use crate::stanza::namespace::{BIND, SASL};

pub async fn play(stage: &Stage, front: &Front) -> Result<(Scene, Pair), ActError> {
    let pair = Pair::arrive(front).await?;
    let alice = Wire::between(&pair.alice, stage, &ALICE)?;
    let bob = Wire::between(&pair.bob, stage, &BOB)?;
    let (sent, received) = alice.from_client.first_with(BIND).unwrap_or_default();
    let session = session_of(stage, &ALICE)?;
    let scene = Scene {
        title: "Alice and Bob connect through Vestibule",
        explanation: "A gatekeeper should not send a client what it cannot show. The provider knows what each of its \
                      clients can receive, so Vestibule adds the provider's list to the request that every client \
                      makes once, when it binds its resource. Passwords and proofs pass untouched.",
        exchanges: vec![Exchange::new(
            "Alice's bind request, as she sent it and as the gatekeeper got it",
            sent,
            received,
        )],
        listings: vec![learnt(&session), connections(&pair, front, stage)?],
        findings: vec![
            authentication(&alice, &bob),
            advertised(&session),
            nothing_else(sent, received),
            own_connections(stage),
            presence(&alice, &bob),
        ],
        ..Scene::default()
    };
    Ok((scene, pair))
}

fn learnt(session: &SessionRecord) -> Listing {
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

fn authentication(alice: &Wire, bob: &Wire) -> Finding {
    let passages = [&alice.from_client, &alice.from_gatekeeper, &bob.from_client, &bob.from_gatekeeper];
    let checked = passages.map(|passage| passage.untouched(SASL));
    let frames: usize = checked.iter().map(|(_, frames)| frames).sum();
    let untouched = checked.iter().all(|(untouched, _)| *untouched);
    let by_scram = alice.from_client.first_with("mechanism='SCRAM-SHA-256'").is_some();
    let by_password = bob.from_client.first_with("mechanism='PLAIN'").is_some();
    let detail = format!("{frames} elements compared on both sides");
    Finding::new(Claim::AuthenticationUntouched, untouched && by_scram && by_password, detail)
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
    let observed = added > 0 && kept.as_bytes() == sent && kept.len() + added == received.len();
    let detail = format!("{} bytes sent, {added} added, {} received", sent.len(), received.len());
    Finding::new(Claim::NothingElseAdded, observed, detail)
}

/// What each received has to hold what the other sent, with its sender in it.
fn presence(alice: &Wire, bob: &Wire) -> Finding {
    let seen = |wire: &Wire, other: &Person| {
        let sender = format!("from='{}'", other.full_jid());
        let of_other = |frame: &&Vec<u8>| contains(frame, "<presence") && contains(frame, &sender);
        wire.from_gatekeeper.received.iter().filter(of_other).count()
    };
    let (by_alice, by_bob) = (seen(alice, &BOB), seen(bob, &ALICE));
    let detail = format!("{by_alice} received by Alice, {by_bob} by Bob");
    Finding::new(Claim::PresencePassed, by_alice > 0 && by_bob > 0, detail)
}

/// Both legs of each client's way, as the sockets have them.
fn connections(pair: &Pair, front: &Front, stage: &Stage) -> Result<Listing, ActError> {
    let mut lines = Vec::new();
    for (client, person) in [(&pair.alice, &ALICE), (&pair.bob, &BOB)] {
        let own = client.local_address().map_err(|error| person.failed(error))?;
        let upstream = session_of(stage, person)?.peer;
        let (listener, gatekeeper) = (front.address(), stage.gatekeeper.address());
        let name = person.name;
        lines.push(format!("{name:<6} {own} -> {listener} Vestibule {upstream} -> {gatekeeper}"));
    }
    Ok(Listing {
        caption: "Their connections, to Vestibule and from there to the gatekeeper".to_owned(),
        lines,
    })
}

fn own_connections(stage: &Stage) -> Finding {
    let sessions = stage.gatekeeper.sessions();
    let peers: BTreeSet<_> = sessions.iter().map(|session| session.peer).collect();
    let bound: BTreeSet<_> = sessions.iter().filter_map(|session| session.full_jid.as_ref()).collect();
    let observed = peers.len() == 2 && bound.len() == 2;
    let detail = format!("2 clients, {} connections at the gatekeeper", peers.len());
    Finding::new(Claim::OwnConnections, observed, detail)
}
