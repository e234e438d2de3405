//! The conversation: what is typed goes out, what comes is shown, and a connection that is lost is followed by another
//! one.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use vestibule::sandbox::client::{
    Arrival, Client, ClientError, Participant, ParticipantError, Resumption, is_group,
};
use vestibule::sandbox::connection::Stanza;
use vestibule::sandbox::encryption::Payload;
use vestibule::sandbox::stop::Stop;

use super::input;
use super::letters::{Letters, Read, Written};
use crate::commands::output::write_line;

/// After a silence of this length the server is asked for a sign of life; after another one the connection is lost.
const SILENCE: Duration = Duration::from_secs(30);
/// Before the first attempt to come back; twice as long before each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Attempts to come back, which take some ten minutes.
const ATTEMPTS: u32 = 24;
/// Messages that the server has not acknowledged; with more, no further line is read.
const MOST_OPEN: usize = 128;
/// For the server's closing tag, however much it sends before.
const FAREWELL: Duration = Duration::from_secs(10);

pub struct Chat {
    participant: Participant,
    /// Whom all lines are for, if it is one for all.
    to: Option<String>,
    lines: mpsc::Receiver<String>,
    stop: Stop,
    /// What writes and reads with encryption, unless all is in the clear.
    letters: Option<Letters>,
    /// Messages sent so far: the ids of the next ones are larger.
    sent: u64,
    /// What was typed and not sent, and what came and was not shown, as the connection was lost meanwhile.
    unsaid: Option<String>,
    unread: Option<Stanza>,
}

/// Why a conversation ends before its time.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error(transparent)]
    Participant(#[from] ParticipantError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}

impl From<ClientError> for ChatError {
    fn from(error: ClientError) -> Self {
        Self::Participant(error.into())
    }
}

/// What the conversation goes on with.
enum Event {
    Arrival(Result<Arrival, ClientError>),
    Line(Option<String>),
    Silence,
    Stop,
}

impl Chat {
    pub fn new(
        participant: Participant,
        to: Option<String>,
        letters: Option<Letters>,
        lines: mpsc::Receiver<String>,
        stop: Stop,
    ) -> Self {
        Self { participant, to, lines, stop, letters, sent: 0, unsaid: None, unread: None }
    }

    /// Goes on until the input ends, or a signal comes, or the server is gone for good.
    pub async fn run(mut self) -> Result<(), ChatError> {
        let mut connected = tokio::select! {
            client = connect(&self.participant, &mut self.letters, &[]) => Some(client?),
            _ = self.stop.wait() => None,
        };
        while let Some(mut client) = connected {
            match self.converse(&mut client).await {
                Ok(()) => {
                    // The conversation is over, however long the server takes to say so.
                    let show = |stanza: &Stanza| {
                        // Nobody is left to read it if that fails.
                        let _ = tell('<', String::from_utf8_lossy(&stanza.bytes));
                    };
                    let _ = timeout(FAREWELL, client.close_and_show(show)).await;
                    return Ok(());
                }
                Err(ChatError::Participant(error)) if error.may_pass() => {
                    tell('*', format_args!("the connection is lost: {error}"))?;
                    connected = self.come_back(client.cut()).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Until the input ends or a signal comes.
    async fn converse(&mut self, client: &mut Client) -> Result<(), ChatError> {
        if let Some(stanza) = self.unread.take() {
            self.show(client, stanza).await?;
        }
        if let Some(line) = self.unsaid.take() {
            self.say(client, line).await?;
        }
        let mut asked = false;
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            let event = tokio::select! {
                arrival = client.arrival() => Event::Arrival(arrival),
                line = self.lines.recv(), if client.unacknowledged() < MOST_OPEN => Event::Line(line),
                () = sleep_until(silent_at) => Event::Silence,
                _ = self.stop.wait() => Event::Stop,
            };
            match event {
                Event::Arrival(arrival) => {
                    (asked, silent_at) = (false, Instant::now() + SILENCE);
                    if let Some(stanza) = client.take(arrival?).await? {
                        tell('<', String::from_utf8_lossy(&stanza.bytes))?;
                        self.show(client, stanza).await?;
                    }
                }
                Event::Line(Some(line)) => self.say(client, line).await?,
                Event::Silence if asked => return Err(ClientError::TimedOut.into()),
                Event::Silence => {
                    (asked, silent_at) = (client.is_managed(), Instant::now() + SILENCE);
                    if asked {
                        client.request_acknowledgement().await?;
                    }
                }
                Event::Line(None) | Event::Stop => return Ok(()),
            }
        }
    }

    /// What can be read of a stanza that came, and the receipt for it.
    async fn show(&mut self, client: &mut Client, stanza: Stanza) -> Result<(), ChatError> {
        let Some(letters) = &mut self.letters else { return Ok(()) };
        let read = match letters.read(&self.participant, client, &stanza).await {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.unread = Some(stanza);
                return Err(error.into());
            }
        };
        let Read { line, receipt } = read;
        match line {
            Ok(line) => tell('=', line)?,
            Err(error) => tell('!', error)?,
        }
        if let Some((to, receipt)) = receipt {
            self.write(client, &to, receipt).await?;
        }
        Ok(())
    }

    async fn say(&mut self, client: &mut Client, line: String) -> Result<(), ChatError> {
        let stanza = match input::group_request(&line) {
            Some(Ok(request)) => {
                self.sent += 1;
                request.stanza(&self.sent.to_string(), client.host())
            }
            Some(Err(reason)) => return Ok(tell('!', reason)?),
            None => {
                let (to, text) = match input::addressed(self.to.as_deref(), &line) {
                    Ok(Some((to, text))) => (to.to_owned(), input::plain(text)),
                    Ok(None) => return Ok(()),
                    Err(error) => return Ok(tell('!', error)?),
                };
                // What is said in groups is in the clear.
                if self.letters.is_some() && !is_group(&to) {
                    let written = self.write(client, &to, Payload::text(&text)).await;
                    self.unsaid = written.is_err().then_some(line);
                    return written;
                }
                self.sent += 1;
                input::message(self.sent, &to, &text)
            }
        };
        tell('>', &stanza)?;
        client.send(stanza.as_bytes()).await?;
        if client.is_managed() {
            client.request_acknowledgement().await?;
        }
        Ok(())
    }

    /// Writes with encryption.
    async fn write(&mut self, client: &mut Client, to: &str, payload: Payload) -> Result<(), ChatError> {
        let Some(letters) = &mut self.letters else { return Ok(()) };
        self.sent += 1;
        let id = self.sent.to_string();
        match letters.write(&self.participant, client, (&id, to), payload).await? {
            Written::Sent { message, notes } => {
                tell('>', message)?;
                notes.into_iter().try_for_each(|note| tell('*', note))?;
            }
            Written::Refused(reason) => return Ok(tell('!', reason)?),
        }
        if client.is_managed() {
            client.request_acknowledgement().await?;
        }
        Ok(())
    }

    /// Tries to be connected again. `None` if a signal comes first.
    async fn come_back(&mut self, resumption: Option<Resumption>) -> Result<Option<Client>, ChatError> {
        let mut lost = Lost { resumption, unhandled: Vec::new() };
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let attempted = async {
                sleep(pause).await;
                lost.come_back(&self.participant, &mut self.letters).await
            };
            let outcome = tokio::select! {
                outcome = attempted => outcome,
                _ = self.stop.wait() => break,
            };
            match outcome {
                Err(ChatError::Participant(error)) if error.may_pass() && attempt < ATTEMPTS => {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome.map(Some),
            }
        }
        Ok(None)
    }
}

/// What is left of a session whose connection is lost.
struct Lost {
    resumption: Option<Resumption>,
    /// Messages of a session that cannot be resumed.
    unhandled: Vec<Vec<u8>>,
}

impl Lost {
    /// The same session, if it can be resumed; otherwise another one, with the messages that the server has not handled.
    async fn come_back(
        &mut self,
        participant: &Participant,
        letters: &mut Option<Letters>,
    ) -> Result<Client, ChatError> {
        if let Some(resumption) = &self.resumption {
            match participant.resume(resumption).await {
                Err(ParticipantError::Client(ClientError::NotResumed { handled })) => {
                    let lost = self.resumption.take().into_iter().flat_map(|lost| lost.unhandled(handled));
                    self.unhandled = lost.filter(|stanza| stanza.starts_with(b"<message")).collect();
                }
                resumed => {
                    let client = resumed?;
                    tell('*', "the session is resumed")?;
                    return Ok(client);
                }
            }
        }
        connect(participant, letters, &self.unhandled).await
    }
}

/// A session from its beginning, in which these messages are sent again.
async fn connect(
    participant: &Participant,
    letters: &mut Option<Letters>,
    again: &[Vec<u8>],
) -> Result<Client, ChatError> {
    let (mut client, jid) = participant.connect().await?;
    tell('*', format_args!("connected as {jid}"))?;
    if let Some(letters) = letters {
        for note in letters.arrive(participant, &mut client, &jid).await? {
            tell('*', note)?;
        }
    }
    client.send(b"<presence/>").await?;
    for message in again {
        client.send(message).await?;
    }
    Ok(client)
}

/// Shows one line: `*` tells of the connection, `>` and `<` are stanzas, `=` is what one of these says to who can read it,
/// `!` is for what cannot be sent or read. What peers sent
/// controls no terminal.
fn tell(kind: char, line: impl Display) -> io::Result<()> {
    let mut output = io::stdout();
    write_line(&mut output, format_args!("{kind} {line}"))?;
    output.flush()
}
