//! One user of a load: enlists, connects, writes and reads, may lose the connection in the middle, and leaves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::latency::{Meter, Opened};
use super::plan::{Account, Kind, Ledger, MESSAGES, Number, Plan};
use crate::sandbox::client::{
    ApiError, Client, ClientError, Credentials, Enlisting, Mechanism, ProviderAccount, Server, group_message,
};
use crate::sandbox::demo::people::HOST;
use crate::sandbox::element::Element;
use crate::sandbox::http::Caller;
use crate::sandbox::provider;
use crate::sandbox::token::{Algorithm, SigningKey};
use crate::stanza::Jid;
use crate::stanza::namespace::{CLIENT, PING};

/// The build that every client says it is: one that shows everything, in groups, too.
const BUILD: &str = "app-3.2";
/// After so long without a message that is still to come, a user gives it up.
const SILENCE: Duration = Duration::from_secs(30);

/// Why one user could not go on.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("over HTTP: {0}")]
    Api(#[from] ApiError),
    #[error("on the stream: {0}")]
    Stream(#[from] ClientError),
    #[error("the session could not be resumed")]
    NotResumable,
}

/// Where everything is, and what all users share.
pub struct Place {
    pub issuer: String,
    pub enlisting: Enlisting,
    pub caller: Caller,
    pub server: Server,
    pub started: std::time::Instant,
    pub meter: Arc<Meter>,
    /// How many users have written and read all that they were to.
    pub finished: watch::Sender<usize>,
}

/// A user with an open session.
pub struct Online {
    pub number: usize,
    pub jid: String,
    client: Client,
    credentials: Credentials,
    /// Once the user has one.
    group: String,
    opened: Opened,
}

/// A user who has written everything, and has read what came.
pub struct Done {
    client: Client,
    ledger: Ledger,
    opened: Opened,
}

pub fn account(number: usize) -> provider::Account {
    provider::Account {
        visible_id: format!("user{number}@provider.example"),
        password: format!("password {number}"),
    }
}

pub async fn enlist(place: Arc<Place>, number: usize) -> Result<Credentials, UserError> {
    let provider::Account { visible_id, password } = account(number);
    let account = ProviderAccount { issuer: place.issuer.clone(), visible_id, password };
    let key = SigningKey::generate(Algorithm::EdDsa).map_err(ApiError::from)?;
    let token = account.token(&place.caller, HOST, Some(&key)).await?.token;
    let enlisted = place.enlisting.enlist(&token, &key).await?;
    Ok(Credentials { account: enlisted.internal_id, password: token, mechanism: Mechanism::OauthBearer })
}

/// `number` is among those who have enlisted.
pub async fn connect(
    place: Arc<Place>,
    number: usize,
    credentials: Credentials,
) -> Result<Online, UserError> {
    let mut client = Client::connect(&place.server).await?;
    client.authenticate(&credentials).await?;
    let jid = client.bind(BUILD, "").await?;
    client.enable_stream_management().await?;
    client.send(b"<presence/>").await?;
    let opened = place.meter.open();
    Ok(Online { number, jid, client, credentials, group: String::new(), opened })
}

/// The first of them opens a group, and all others join it.
pub async fn gather(mut members: Vec<Online>) -> Result<Vec<Online>, UserError> {
    let Some((first, others)) = members.split_first_mut() else { return Ok(members) };
    let group = first.client.create_group("Load").await?;
    for other in others {
        let bare = Jid::parse(&other.jid).map_err(|_| ClientError::Unexpected)?;
        first.client.invite(&group, bare.bare()).await?;
        other.client.join_group(&group).await?;
    }
    for member in &mut members {
        member.group = group.clone();
    }
    Ok(members)
}

/// Writes a message each `pace`, and reads until everybody has read everything. `to` is the next user's address.
pub async fn converse(
    place: Arc<Place>,
    plan: Plan,
    pace: Duration,
    to: String,
    user: Online,
) -> Result<Done, UserError> {
    let Online { number, client, credentials, group, opened, .. } = user;
    let ledger = plan.ledger(number);
    // Also if it fails, so that the others do not wait for it.
    let finished = Finished { place: &place, said: false };
    let mut talk =
        Talk { place: &place, plan, number, credentials, to, group, ledger, written: 0, opened, finished };
    let client = talk.run(client, pace).await?;
    let Talk { ledger, opened, .. } = talk;
    Ok(Done { client, ledger, opened })
}

/// Reads what may still come, and closes the session. Returns what became of the messages to this user.
pub async fn leave(done: Done) -> Result<Account, UserError> {
    let Done { mut client, mut ledger, opened } = done;
    let ping = format!("<iq to='{HOST}' type='get' id='last'><ping xmlns='{PING}'/></iq>");
    client.send(ping.as_bytes()).await?;
    loop {
        let stanza = client.receive().await?.root;
        if stanza.is(CLIENT, "iq") && stanza.attribute("id") == Some("last") {
            break;
        }
        if let Some((number, _)) = read(&stanza) {
            ledger.note(number);
        }
    }
    client
        .close_and_show(|stanza| {
            if let Some((number, _)) = read(&stanza.root) {
                ledger.note(number);
            }
        })
        .await?;
    drop(opened);
    Ok(ledger.account())
}

/// A user who writes and reads.
struct Talk<'p> {
    place: &'p Place,
    plan: Plan,
    number: usize,
    credentials: Credentials,
    to: String,
    group: String,
    ledger: Ledger,
    written: usize,
    opened: Opened,
    finished: Finished<'p>,
}

/// Says once that a user has finished.
struct Finished<'p> {
    place: &'p Place,
    said: bool,
}

impl Talk<'_> {
    async fn run(&mut self, mut client: Client, pace: Duration) -> Result<Client, UserError> {
        let mut finished = self.place.finished.subscribe();
        let mut write_at = Instant::now() + self.offset(pace);
        let mut give_up_at = write_at + SILENCE;
        loop {
            let is_written = self.written == MESSAGES;
            if is_written && self.ledger.is_complete() {
                self.finished.say();
            }
            tokio::select! {
                arrival = client.arrival() => {
                    let stanza = client.take(arrival?).await?;
                    if stanza.is_some_and(|stanza| self.note(&stanza.root)) {
                        give_up_at = Instant::now() + SILENCE;
                    }
                }
                () = sleep_until(write_at), if !is_written => {
                    self.write(&mut client).await?;
                    if self.plan.cut_after(self.number) == Some(self.written) {
                        client = self.cut_and_resume(client).await?;
                    }
                    write_at += pace;
                    give_up_at = Instant::now() + SILENCE;
                }
                () = reached(&mut finished, self.plan.users) => return Ok(client),
                // What is missing then is lost.
                () = sleep_until(give_up_at), if is_written && !self.finished.said => self.finished.say(),
            }
        }
    }

    /// Users begin one after the other within the first pace.
    fn offset(&self, pace: Duration) -> Duration {
        let whole = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        pace.saturating_mul(whole(self.number)) / whole(self.plan.users.max(1))
    }

    /// Writes the next message: the one place where a message's content is made, for each kind.
    async fn write(&mut self, client: &mut Client) -> Result<(), UserError> {
        let number = Number { sender: self.number, message: self.written };
        let id = name(number, self.place.started.elapsed());
        let content = "<body>How are you?</body>";
        let message = match self.plan.kind(number) {
            Kind::OneToOne => format!("<message to='{}' type='chat' id='{id}'>{content}</message>", self.to),
            Kind::Group => group_message(&self.group, &id, content),
        };
        client.send(message.as_bytes()).await?;
        client.request_acknowledgement().await?;
        self.written += 1;
        Ok(())
    }

    /// Loses the connection, with whatever is on its way, and goes on with the session on another one.
    async fn cut_and_resume(&mut self, client: Client) -> Result<Client, UserError> {
        let lost = client.cut().ok_or(UserError::NotResumable)?;
        let client = Client::resume(&self.place.server, &self.credentials, &lost).await?;
        self.place.meter.note_resumption();
        Ok(client)
    }

    /// Whether this was a message of the load that was still to come.
    fn note(&mut self, stanza: &Element) -> bool {
        let Some((number, sent)) = read(stanza) else { return false };
        self.place.meter.note(self.place.started.elapsed().saturating_sub(sent));
        self.ledger.note(number)
    }
}

/// Waits until so many have finished.
async fn reached(finished: &mut watch::Receiver<usize>, users: usize) {
    // The sender is the place's, and so is there as long as anybody waits.
    let _ = finished.wait_for(|finished| *finished >= users).await;
}

impl Finished<'_> {
    fn say(&mut self) {
        if !std::mem::replace(&mut self.said, true) {
            self.place.finished.send_modify(|finished| *finished += 1);
        }
    }
}

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.say();
    }
}

/// The id of a message: who wrote it, which of theirs it is, and when.
fn name(Number { sender, message }: Number, at: Duration) -> String {
    format!("{sender}-{message}-{}", at.as_micros())
}

/// What the id of a message says, if it is one of the load's and no error.
fn read(stanza: &Element) -> Option<(Number, Duration)> {
    let is_message = stanza.is(CLIENT, "message") && stanza.attribute("type") != Some("error");
    let mut parts = stanza.attribute("id").filter(|_| is_message)?.splitn(3, '-');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (sender, message) = (usize::try_from(number()?).ok()?, usize::try_from(number()?).ok()?);
    Some((Number { sender, message }, Duration::from_micros(number()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_id_says_whose_it_is_and_when_it_was_written() {
        let number = Number { sender: 17, message: 3 };
        let id = name(number, Duration::from_micros(123_456));
        let stanza = |text: String| Element::of_stanza(text.as_bytes()).unwrap();
        let message = stanza(format!("<message id='{id}'/>"));
        assert_eq!(read(&message), Some((number, Duration::from_micros(123_456))));
        for other in [
            format!("<message id='{id}' type='error'/>"),
            format!("<iq id='{id}' type='get'/>"),
            "<message id='0af3'/>".to_owned(),
            "<message id='1-2'/>".to_owned(),
            "<message/>".to_owned(),
        ] {
            assert_eq!(read(&stanza(other)), None);
        }
    }
}
