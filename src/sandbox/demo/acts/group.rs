//! Bob opens a group with Alice and Carol, who have newer clients beside their old ones: each client gets of the group
//! what its build shows, first by the gatekeeper's doing and then by Vestibule's.

use super::{Pair, Wire, contains, frames};
use crate::sandbox::client::{ClientError, group_message};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::acts::enlisting::Cast;
use crate::sandbox::demo::cast::Online;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::Behaviour;
use crate::stanza::namespace::{CHAT_STATES, CLIENT};

/// Alice's newer build shows everything in groups, Carol's only what is written there.
const ALICES_BUILD: &str = "app-3.2";
const CAROLS_BUILD: &str = "app-3.0";
const TEXT: &str = "You have been sent a picture that this app cannot show.";

/// All clients of the act but Bob's are the provider's, and come through Vestibule.
struct Party<'p> {
    group: String,
    bob: &'p mut Online,
    /// Alice's and Carol's, without groups.
    old: [&'p mut Online; 2],
    alice: Online,
    carol: Online,
}

pub async fn play(
    stage: &Stage,
    front: &Front,
    cast: &Cast,
    pair: &mut Pair,
    carol: &mut Online,
) -> Result<Scene, ActError> {
    let mut party = Party::gather(front, cast, pair, carol).await?;
    let talked = party.talk(&cast.alice.internal_id).await?;
    let honoured = party.picture("g-3").await?;
    stage.gatekeeper.behave(Behaviour { ignore_content_types: true });
    let ignored = party.picture("g-4").await;
    stage.gatekeeper.behave(Behaviour::default());
    let ignored = ignored?;
    let wire = Wire::between(&party.carol, stage)?;
    let (sent, received) = wire.from_gatekeeper.first_with("id='g-4'").unwrap_or_default();
    let exchange =
        Exchange::new("A picture in the group, at the gatekeeper's socket and at Carol's", sent, received);
    let (heard, closed) = (talked.heard.clone(), party.part().await?);
    Ok(Scene {
        title: "Bob opens a group",
        explanation: "Groups are the next phase of the Digital Markets Act. Alice has a new client that shows all \
                      kinds of content in them, Carol one that shows what is written there, and both still have \
                      their old ones, without groups. The gatekeeper was told so for each at binding, and each gets \
                      what it can show. Then the gatekeeper pays no heed to it: Carol's new client gets a text in \
                      the picture's place, and of the old ones neither gets anything to show.",
        listings: vec![Listing {
            caption: "What Bob's client read of Alice's answer in the group".to_owned(),
            lines: vec![readable(&heard)],
        }],
        exchanges: vec![exchange],
        findings: vec![talked.finding(), fitted(&honoured, &ignored), closed],
        ..Scene::default()
    })
}

/// What came of a conversation in the group.
struct Talked {
    /// Who of the members' new clients heard Bob, out of two.
    new: usize,
    /// Who of the old ones did.
    old: usize,
    /// What reached Bob of Alice's answer.
    heard: Vec<u8>,
    /// As whom she was shown to him.
    shown: bool,
}

/// What of a picture came to each client: Alice's new one, Carol's, and the two old ones'.
struct Came {
    alice: Vec<u8>,
    carol: Vec<u8>,
    old: [Vec<u8>; 2],
}

impl<'p> Party<'p> {
    async fn gather(
        front: &Front,
        cast: &Cast,
        pair: &'p mut Pair,
        old_carol: &'p mut Online,
    ) -> Result<Self, ActError> {
        let mut alice = cast.alice.arrive_as(front, ALICES_BUILD).await?;
        let mut carol = cast.carol.arrive_as(front, CAROLS_BUILD).await?;
        let Pair { alice: old_alice, bob } = pair;
        let created = bob.client.create_group("Friday dinner").await;
        let group = created.map_err(|error| bob.failed(error))?;
        for (guest, enlisted) in [(&mut alice, &cast.alice), (&mut carol, &cast.carol)] {
            let invited = bob.client.invite(&group, &enlisted.bare_jid()).await;
            invited.map_err(|error| bob.failed(error))?;
            guest.client.join_group(&group).await.map_err(|error| guest.failed(error))?;
        }
        Ok(Self { group, bob, old: [old_alice, old_carol], alice, carol })
    }

    async fn talk(&mut self, alices_id: &str) -> Result<Talked, ActError> {
        let group = self.group.clone();
        self.bob.say(said(&group, "g-1", "Friday at eight?").as_bytes()).await?;
        let Came { alice, carol, old } = self.came("g-1").await?;
        let new = [alice, carol].iter().filter(|frame| contains(frame, "Friday at eight?")).count();
        let old = old.iter().filter(|frame| !frame.is_empty()).count();
        self.alice.say(said(&group, "g-2", "I bring the dessert").as_bytes()).await?;
        let heard = self.bob.receive(|stanza| stanza.attribute("id") == Some("g-2")).await?;
        let from =
            Element::of_stanza(&heard).and_then(|message| message.attribute("from").map(str::to_owned));
        let shown = from == Some(format!("{group}/{alices_id}"));
        // Carol's has it, too, which is of no concern.
        Ok(Talked { new, old, heard, shown })
    }

    /// Bob sends a picture to the group.
    async fn picture(&mut self, id: &str) -> Result<Came, ActError> {
        let picture = "<image xmlns='urn:x-vestibule:content:0' type='image/jpeg' size='81234'>8J+Nsm5vdCBmb3IgYWxs\
                       </image>";
        self.bob.say(group_message(&self.group, id, picture).as_bytes()).await?;
        self.came(id).await
    }

    /// What has come of a message in the group by now.
    async fn came(&mut self, id: &str) -> Result<Came, ActError> {
        let [first, second] = &mut self.old;
        Ok(Came {
            alice: came(self.bob, &mut self.alice, id).await?,
            carol: came(self.bob, &mut self.carol, id).await?,
            old: [came(self.bob, first, id).await?, came(self.bob, second, id).await?],
        })
    }

    /// Carol leaves the group, and asks once more who is in it. Then both close their new clients. That she has left was told
    /// to the old ones, too, and is passed over.
    async fn part(self) -> Result<Finding, ActError> {
        let Self { group, bob, old, alice, mut carol } = self;
        let members = carol.client.group_members(&group).await.map_err(|error| carol.failed(error))?.len();
        carol.client.leave_group(&group).await.map_err(|error| carol.failed(error))?;
        let refused = carol.client.group_members(&group).await.err();
        let observed = members == 3 && refused == Some(ClientError::Refused("item-not-found".to_owned()));
        carol.withdraw().await?;
        alice.withdraw().await?;
        for online in old.into_iter().chain([bob]) {
            online.catch_up().await?;
        }
        let detail = format!("{members} members while she was one, and then: {}", words(refused.as_ref()));
        Ok(Finding::new(Claim::GroupClosed, observed, detail))
    }
}

impl Talked {
    fn finding(&self) -> Finding {
        let observed = self.new == 2 && self.old == 0 && self.shown;
        let detail = format!(
            "{} of 2 new clients heard {}, {} of 2 old ones; Alice under her internal identifier: {}",
            self.new, BOB.name, self.old, self.shown
        );
        Finding::new(Claim::GroupReached, observed, detail)
    }
}

fn fitted(honoured: &Came, ignored: &Came) -> Finding {
    let shown = |frame: &[u8]| contains(frame, "<image");
    let by_gatekeeper = shown(&honoured.alice)
        && [&honoured.carol, &honoured.old[0], &honoured.old[1]].iter().all(|frame| frame.is_empty());
    let is_text = contains(&ignored.carol, TEXT) && !shown(&ignored.carol);
    let is_bare = |frame: &Vec<u8>| {
        Element::of_stanza(frame)
            .is_some_and(|message| message.is(CLIENT, "message") && message.children.is_empty())
    };
    let by_vestibule = shown(&ignored.alice) && is_text && ignored.old.iter().all(is_bare);
    let detail = format!(
        "sent to the right client alone: {by_gatekeeper}; sent to all, it was shown, told and taken out: {by_vestibule}"
    );
    Finding::new(Claim::GroupFitted, by_gatekeeper && by_vestibule, detail)
}

/// What somebody writes in the group: the one place where its content is made.
fn said(group: &str, id: &str, text: &str) -> String {
    group_message(group, id, &format!("<body>{text}</body>"))
}

/// What of a message came to a client, once all has come that was sent before this was asked.
async fn came(bob: &mut Online, to: &mut Online, id: &str) -> Result<Vec<u8>, ActError> {
    let marker = format!("after-{id}");
    let after = format!(
        "<message to='{}' type='chat' id='{marker}'><active xmlns='{CHAT_STATES}'/></message>",
        to.jid
    );
    bob.say(after.as_bytes()).await?;
    to.receive(|stanza| stanza.attribute("id") == Some(&marker)).await?;
    let wanted = format!("id='{id}'");
    let received = frames(&to.client.transcripts().received());
    Ok(received.into_iter().find(|frame| contains(frame, &wanted)).unwrap_or_default())
}

fn words(error: Option<&ClientError>) -> String {
    error.map_or_else(|| "no refusal".to_owned(), ToString::to_string)
}
