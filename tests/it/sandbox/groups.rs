//! Groups over real connections, as the client library speaks of them.

use vestibule::sandbox::client::{Client, ClientError, Mechanism, group_message};
use vestibule::sandbox::element::Element;

use super::stage::{HOST, Sandbox, credentials};

async fn say(client: &mut Client, group: &str, text: &str) {
    client.send(group_message(group, text, &format!("<body>{text}</body>")).as_bytes()).await.unwrap();
}

/// The next message that was said in a group.
async fn heard(client: &mut Client) -> Element {
    client.receive_where(|stanza| stanza.attribute("type") == Some("groupchat")).await.unwrap().root
}

/// The texts of the next messages that were said in a group.
async fn texts<const N: usize>(client: &mut Client) -> [String; N] {
    let mut texts = [const { String::new() }; N];
    for text in &mut texts {
        text.clone_from(&heard(client).await.child("jabber:client", "body").unwrap().text);
    }
    texts
}

/// A group of ann's that ben has joined.
async fn group_of(ann: &mut Client, ben: &mut Client) -> String {
    let group = ann.create_group("Kitchen").await.unwrap();
    ann.invite(&group, &format!("ben@{HOST}")).await.unwrap();
    ben.join_group(&group).await.unwrap();
    group
}

#[tokio::test]
async fn people_form_a_group_write_to_it_and_leave_it() {
    let sandbox = Sandbox::start().await;
    let (mut ann, mut ben) = (sandbox.available("ann").await, sandbox.available("ben").await);
    let group = group_of(&mut ann, &mut ben).await;
    assert_eq!(ben.groups().await.unwrap(), [group.as_str()]);
    let members = ["ann", "ben"].map(|name| format!("{name}@{HOST}"));
    assert_eq!(ben.group_members(&group).await.unwrap(), members);
    say(&mut ben, &group, "soup").await;
    let soup = heard(&mut ann).await;
    assert_eq!(soup.attribute("from"), Some(format!("{group}/ben").as_str()));
    assert_eq!(soup.attribute("to"), Some(format!("ann@{HOST}").as_str()));
    ben.leave_group(&group).await.unwrap();
    assert_eq!(ann.group_members(&group).await.unwrap(), [format!("ann@{HOST}")]);
    let gone = ben.group_members(&group).await;
    assert_eq!(gone, Err(ClientError::Refused("item-not-found".to_owned())));
}

#[tokio::test]
async fn what_was_said_while_a_connection_was_lost_comes_once_when_the_session_is_resumed() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let mut ben = sandbox.bound("ben").await;
    ben.enable_stream_management().await.unwrap();
    ben.send(b"<presence/>").await.unwrap();
    let group = group_of(&mut ann, &mut ben).await;
    say(&mut ann, &group, "1").await;
    assert_eq!(texts(&mut ben).await, ["1"]);
    let lost = ben.cut().unwrap();
    say(&mut ann, &group, "2").await;
    say(&mut ann, &group, "3").await;
    let credentials = credentials("ben", Mechanism::Plain);
    let mut ben = Client::resume(&sandbox.server, &credentials, &lost).await.unwrap();
    say(&mut ann, &group, "4").await;
    assert_eq!(texts(&mut ben).await, ["2", "3", "4"]);
}

#[tokio::test]
async fn what_was_said_to_a_member_who_was_away_waits() {
    let sandbox = Sandbox::start().await;
    let (mut ann, mut ben) = (sandbox.available("ann").await, sandbox.available("ben").await);
    let group = group_of(&mut ann, &mut ben).await;
    ben.close().await.unwrap();
    sandbox.gatekeeper.ended_session(&format!("ben@{HOST}/desk")).await;
    say(&mut ann, &group, "1").await;
    say(&mut ann, &group, "2").await;
    // Once this is answered, both have been taken.
    ann.groups().await.unwrap();
    let mut ben = sandbox.available("ben").await;
    assert_eq!(texts(&mut ben).await, ["1", "2"]);
}
