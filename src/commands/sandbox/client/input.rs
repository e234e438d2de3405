//! What a person types: lines, and the messages that they are.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;
use vestibule::sandbox::client::{GroupRequest, group_message, is_group};
use vestibule::sandbox::element::escape;
use vestibule::stanza::Jid;

/// Lines that wait to be sent; the one who types waits when there are more.
const QUEUE: usize = 16;
/// Of a line, in bytes: a quarter of the longest text, as what replaces a byte has three. What is longer becomes several.
const LONGEST_LINE: u64 = 1024;

/// The lines of standard input, until it ends.
pub fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(QUEUE);
    // The thread ends with the input, or with the process.
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn next_line(input: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

/// A JID as an argument.
pub fn jid(text: &str) -> Result<String, String> {
    Jid::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Whom a line is for, and what it says to them. Without `to` the line begins with whom. Nothing is said by a line that
/// is empty.
pub fn addressed<'l>(to: Option<&'l str>, line: &'l str) -> Result<Option<(&'l str, &'l str)>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    if let Some(to) = to {
        return Ok(Some((to, line)));
    }
    let (to, text) = line.split_once(' ').ok_or("a line is a JID and a text; --to JID is for all lines")?;
    jid(to)?;
    Ok(Some((to, text)))
}

/// A message in the clear (RFC 6121, section 5), to one person or to a group.
pub fn message(id: u64, to: &str, text: &str) -> String {
    let content = format!("<body>{}</body>", escape(&plain(text)));
    if is_group(to) {
        return group_message(to, &id.to_string(), &content);
    }
    format!("<message id='{id}' to='{}' type='chat'>{content}</message>", escape(to))
}

/// The text without what XML cannot hold, which is replaced.
pub fn plain(text: &str) -> String {
    text.chars().map(|character| if fits_xml(character) { character } else { '\u{fffd}' }).collect()
}

/// What a line asks of groups, if it begins with one of these words.
pub fn group_request(line: &str) -> Option<Result<GroupRequest<'_>, &'static str>> {
    let mut words = line.trim().splitn(2, ' ');
    let (word, rest) = (words.next()?, words.next().unwrap_or_default().trim());
    let of = |request: fn(&str) -> GroupRequest<'_>| {
        if is_group(rest) { Ok(request(rest)) } else { Err("behind that stands a group's address") }
    };
    Some(match word {
        "/create" if rest.is_empty() => Err("/create NAME"),
        "/create" => Ok(GroupRequest::Create { name: rest }),
        "/groups" => Ok(GroupRequest::List),
        "/members" => of(|group| GroupRequest::Members { group }),
        "/join" => of(|group| GroupRequest::Join { group }),
        "/leave" => of(|group| GroupRequest::Leave { group }),
        "/invite" => match rest.split_once(' ') {
            Some((group, whom)) if is_group(group) && jid(whom).is_ok() => {
                Ok(GroupRequest::Invite { group, whom })
            }
            _ => Err("/invite GROUP JID"),
        },
        _ => return None,
    })
}

/// XML 1.0, section 2.2, without what controls terminals.
fn fits_xml(character: char) -> bool {
    character == '\t' || !(character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_for_whom_it_begins_with_or_for_the_one_that_was_named() {
        let bob = "bob@gatekeeper.example";
        assert_eq!(addressed(Some(bob), "hello you"), Ok(Some((bob, "hello you"))));
        assert_eq!(addressed(None, "bob@gatekeeper.example hello you"), Ok(Some((bob, "hello you"))));
        assert_eq!(addressed(Some(bob), " "), Ok(None));
        assert!(addressed(None, "hello").is_err());
        assert!(addressed(None, "@x hello").is_err());
    }

    #[test]
    fn a_message_holds_the_text_and_no_markup_of_it() {
        assert_eq!(
            message(1, "b@x/'", "<b>\u{1b}[2J & \u{ffff}"),
            "<message id='1' to='b@x/&apos;' type='chat'><body>&lt;b&gt;\u{fffd}[2J &amp; \u{fffd}</body></message>"
        );
    }

    #[test]
    fn what_is_for_a_group_is_a_groups_message() {
        assert_eq!(
            message(2, "1f@groups.gatekeeper.example", "hi"),
            "<message to='1f@groups.gatekeeper.example' type='groupchat' id='2'><body>hi</body></message>"
        );
    }

    #[test]
    fn a_line_with_a_slash_asks_something_of_groups() {
        let group = "1f@groups.gatekeeper.example";
        assert_eq!(
            group_request("/create The kitchen"),
            Some(Ok(GroupRequest::Create { name: "The kitchen" }))
        );
        assert_eq!(group_request("/groups"), Some(Ok(GroupRequest::List)));
        assert_eq!(group_request(&format!("/join {group} ")), Some(Ok(GroupRequest::Join { group })));
        let whom = "bob@gatekeeper.example";
        let invite = format!("/invite {group} {whom}");
        assert_eq!(group_request(&invite), Some(Ok(GroupRequest::Invite { group, whom })));
        for wrong in
            ["/create", "/join", "/join bob@gatekeeper.example", "/invite", &format!("/invite {group} @")]
        {
            assert!(group_request(wrong).is_some_and(|request| request.is_err()), "{wrong}");
        }
        for other in ["hello", "/me waves", "bob@gatekeeper.example /join", ""] {
            assert_eq!(group_request(other), None, "{other}");
        }
    }

    #[test]
    fn lines_end_with_the_input_and_are_bounded() {
        let long = "x".repeat(usize::try_from(LONGEST_LINE).unwrap() + 1);
        let mut input = io::Cursor::new(format!("a\r\n\n{long}\nb"));
        let mut lengths = Vec::new();
        while let Some(line) = next_line(&mut input) {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [1, 0, long.len() - 1, 1, 1]);
    }
}
