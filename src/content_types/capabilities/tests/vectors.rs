//! The examples of the specifications.

use super::*;

/// XEP-0115, 5.2.
const EXODUS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
    <identity category='client' name='Exodus 0.9.1' type='pc'/>
    <feature var='http://jabber.org/protocol/muc'/>
    <feature var='http://jabber.org/protocol/caps'/>
    <feature var='http://jabber.org/protocol/disco#info'/>
    <feature var='http://jabber.org/protocol/disco#items'/>
  </query>";

/// XEP-0115, 5.3, its form's fields and values in another order.
const PSI: &str = "<query xmlns='http://jabber.org/protocol/disco#info'
      node='http://psi-im.org#q07IKJEyjvHSyhy//CH0CxmKi8w='>
    <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
    <identity xml:lang='el' category='client' name='&#936; 0.11' type='pc'/>
    <feature var='http://jabber.org/protocol/caps'/>
    <feature var='http://jabber.org/protocol/disco#info'/>
    <feature var='http://jabber.org/protocol/disco#items'/>
    <feature var='http://jabber.org/protocol/muc'/>
    <x xmlns='jabber:x:data' type='result'>
      <field var='os'><value>Mac</value></field>
      <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
      <field var='ip_version'><value>ipv6</value><value>ipv4</value></field>
      <field var='os_version'><value>10.5.1</value></field>
      <field var='software_version'><value>0.11</value></field>
      <field var='software'><value>Psi</value></field>
    </x>
  </query>";

/// XEP-0390, 4.5.1.
const BOMBUS_MOD: (&str, &[&str]) = (
    "<identity category=\"client\" name=\"BombusMod\" type=\"mobile\"/>",
    &[
        "http://jabber.org/protocol/si",
        "http://jabber.org/protocol/bytestreams",
        "http://jabber.org/protocol/chatstates",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "urn:xmpp:ping",
        "jabber:iq:time",
        "jabber:iq:privacy",
        "jabber:iq:version",
        "http://jabber.org/protocol/rosterx",
        "urn:xmpp:time",
        "jabber:x:oob",
        "http://jabber.org/protocol/ibb",
        "http://jabber.org/protocol/si/profile/file-transfer",
        "urn:xmpp:receipts",
        "jabber:iq:roster",
        "jabber:iq:last",
    ],
);

/// XEP-0390, 4.5.2.
const TKABBER: (&str, &[&str]) = (
    "<identity category='client' name='Tkabber' type='pc' xml:lang='en'/>
     <identity category='client' name='Ткаббер' type='pc' xml:lang='ru'/>
     <x xmlns='jabber:x:data' type='result'>
       <field type='hidden' var='FORM_TYPE'><value>urn:xmpp:dataforms:softwareinfo</value></field>
       <field var='software'><value>Tkabber</value></field>
       <field var='software_version'><value>0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)</value></field>
       <field var='os'><value>Windows</value></field>
       <field var='os_version'><value>XP</value></field>
     </x>",
    &[
        "games:board",
        "http://jabber.org/protocol/activity",
        "http://jabber.org/protocol/activity+notify",
        "http://jabber.org/protocol/bytestreams",
        "http://jabber.org/protocol/chatstates",
        "http://jabber.org/protocol/commands",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/evil",
        "http://jabber.org/protocol/feature-neg",
        "http://jabber.org/protocol/geoloc",
        "http://jabber.org/protocol/geoloc+notify",
        "http://jabber.org/protocol/ibb",
        "http://jabber.org/protocol/iqibb",
        "http://jabber.org/protocol/mood",
        "http://jabber.org/protocol/mood+notify",
        "http://jabber.org/protocol/rosterx",
        "http://jabber.org/protocol/si",
        "http://jabber.org/protocol/si/profile/file-transfer",
        "http://jabber.org/protocol/tune",
        "http://www.facebook.com/xmpp/messages",
        "http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify",
        "jabber:iq:avatar",
        "jabber:iq:browse",
        "jabber:iq:dtcp",
        "jabber:iq:filexfer",
        "jabber:iq:ibb",
        "jabber:iq:inband",
        "jabber:iq:jidlink",
        "jabber:iq:last",
        "jabber:iq:oob",
        "jabber:iq:privacy",
        "jabber:iq:roster",
        "jabber:iq:time",
        "jabber:iq:version",
        "jabber:x:data",
        "jabber:x:event",
        "jabber:x:oob",
        "urn:xmpp:avatar:metadata+notify",
        "urn:xmpp:ping",
        "urn:xmpp:receipts",
        "urn:xmpp:time",
    ],
);

fn query_of((rest, features): (&str, &[&str])) -> String {
    let features: String = features.iter().map(|feature| format!("<feature var='{feature}'/>")).collect();
    query("", &format!("{rest}{features}"))
}

#[test]
fn the_examples_of_both_specifications_have_their_hashes() {
    let (simple, complex) = (query_of(BOMBUS_MOD), query_of(TKABBER));
    let family = Family::Capabilities2;
    let sha_256 = HashKind { family, algorithm: Algorithm::Sha256 };
    let sha3_256 = HashKind { family, algorithm: Algorithm::Sha3_256 };
    for (query, kind, expected) in [
        (EXODUS, SHA_1, "QgayPKawpkPSDYmwT/WM94uAlu0="),
        (PSI, SHA_1, "q07IKJEyjvHSyhy//CH0CxmKi8w="),
        (&simple, sha_256, "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8="),
        (&simple, sha3_256, "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="),
        (&complex, sha_256, "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY="),
        (&complex, sha3_256, "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg="),
    ] {
        assert_eq!(hash_of(query, kind).digest.to_base64(), expected);
        assert_eq!(second_reader::hash(query, kind), expected, "by the reader of the tests");
    }
}

#[test]
fn the_examples_of_xep_0115_may_be_shared() {
    for query in [EXODUS, PSI, &query_of(BOMBUS_MOD), &query_of(TKABBER), &query("", CONTENT)] {
        assert!(cache().learn(&[hash_of(query, SHA_1)], &read(query).ok().unwrap()));
    }
}

#[test]
fn a_node_is_named_after_its_hash() {
    let hash = hash_of(EXODUS, SHA_1);
    assert_eq!(
        hash.node("http://code.google.com/p/exodus"),
        "http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0="
    );
    let hash = hash_of(&query_of(TKABBER), SHA3_256);
    assert_eq!(hash.node(""), "urn:xmpp:caps#sha3-256.XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=");
}

#[test]
fn only_the_one_way_to_write_a_digest_is_read() {
    let sha_1 = Algorithm::Sha1;
    assert!(sha_1.parse("QgayPKawpkPSDYmwT/WM94uAlu0=").is_some());
    for text in [
        "",
        "legacy",
        "QgayPKawpkPSDYmwT/WM94uAlu0",
        "QgayPKawpkPSDYmwT/WM94uAlu1=",
        " QgayPKawpkPSDYmwT/WM94uAlu0=",
        "QgayPKawpkPSDYmwT_WM94uAlu0=",
        "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=",
        &"A".repeat(4096),
    ] {
        assert!(sha_1.parse(text).is_none(), "{text}");
    }
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(b"abc");
        assert!(algorithm.parse(&digest.to_base64()) == Some(digest), "{}", algorithm.name());
        assert!(Algorithm::of_name(algorithm.name()) == Some(algorithm));
    }
}
