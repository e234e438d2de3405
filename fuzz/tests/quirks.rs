//! The closed lists of `quirks`: each line is real, and nothing else is excused by them.

use vestibule_fuzz::framing::{Refusal, RefusalKind};
use vestibule_fuzz::gate::{Grammar, Passed};
use vestibule_fuzz::opinions::{Oracle, read_by_rxml_as_it_is};
use vestibule_fuzz::quirks::{is_not_asked, is_our_restriction};
use vestibule_fuzz::reading::Reading;

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What only the gate refuses in a stream.
const OURS_IN_A_STREAM: [(&str, RefusalKind); 9] = [
    ("<a xmlns='b&#x41;c'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns:p='urn:\u{e9}'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns='\u{202e}'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns='b c'/>", RefusalKind::AmbiguousNamespace),
    ("<a><stream:stream/></a>", RefusalKind::NestedStream),
    ("x", RefusalKind::TextBetweenStanzas),
    ("&#32;", RefusalKind::TextBetweenStanzas),
    ("<![CDATA[]]>", RefusalKind::TextBetweenStanzas),
    ("<![CDATA[x]]>", RefusalKind::TextBetweenStanzas),
];

/// Documents that only the gate refuses, as streams.
const OURS_AS_ROOTS: [(&str, RefusalKind); 3] = [
    ("<stream/>", RefusalKind::WrongNamespace),
    ("<s xmlns='http://etherx.jabber.org/streams'/>", RefusalKind::WrongRoot),
    ("<stream xmlns='http://etherx.jabber.org/streams'/>", RefusalKind::EmptyRoot),
];

fn our_restrictions() -> Vec<(String, RefusalKind)> {
    let in_a_stream = OURS_IN_A_STREAM.iter().map(|(part, kind)| ((*part).to_owned(), *kind));
    let long = (format!("<a xmlns='{}'/>", "u".repeat(1025)), RefusalKind::NamespaceTooLong);
    let streams =
        in_a_stream.chain([long]).map(|(part, kind)| (format!("{HEADER}{part}</stream:stream>"), kind));
    streams.chain(OURS_AS_ROOTS.iter().map(|(root, kind)| ((*root).to_owned(), *kind))).collect()
}

fn refusal(grammar: Grammar, input: &str) -> Option<Refusal> {
    Passed::of(grammar, input.as_bytes(), &[]).refusal
}

#[test]
fn what_only_the_gate_refuses_is_accepted_by_the_others_and_excused() {
    for (input, kind) in our_restrictions() {
        let refusal = refusal(Grammar::Stream, &input).expect("the gate refuses");
        assert_eq!(refusal.kind, kind, "{input}");
        let readings = Oracle::ALL.map(|oracle| oracle.read(input.as_bytes()));
        assert!(readings.iter().all(Result::is_ok), "{input}: {readings:?}");
        assert!(
            is_our_restriction(refusal, input.as_bytes(), readings[0].as_ref().expect("accepted")),
            "{input}"
        );
    }
}

/// A gate that refused such inputs would not be excused, whatever it said and wherever.
#[test]
fn nothing_is_excused_where_there_is_no_ground() {
    let tails = [
        "<a xmlns='urn:a'/>",
        "<a xmlns:p='urn:a' xmlns='http://a.example/?b[c]'/>",
        "<a to='b c' xmlnsx='d e'>it's xmlns f</a>",
        "<a to='&#65;'>x&#65;y<b/>z</a>",
        " <a><![CDATA[x]]></a>\n",
        "<a><stream/><x:stream xmlns:x='urn:a'/></a>",
    ];
    for tail in tails {
        let input = format!("{HEADER}{tail}</stream:stream>");
        let reading = Oracle::Rxml.read(input.as_bytes()).expect("accepted");
        for offset in 0..=input.len() as u64 {
            let excused = |kind: &&RefusalKind| {
                is_our_restriction(Refusal { kind: **kind, offset }, input.as_bytes(), &reading)
            };
            assert_eq!(RefusalKind::ALL.iter().find(excused), None, "at {offset} of {input}");
        }
    }
}

/// What the gate and the other oracles accept, and one oracle refuses or sees otherwise.
const OF_ONE_ORACLE: [(Oracle, &str); 6] = [
    (Oracle::Rxml, " <a/>"),
    (Oracle::Rxml, "<?xml version='1.0' standalone='yes'?><a/>"),
    (Oracle::Rxml, "<?xml version='1.0' encoding='UTF-8' standalone='no'?><a/>"),
    (Oracle::Rxml, "<a><![CDATA[]\r\n]]></a>"),
    (Oracle::Rxml, "<a><![CDATA[]]\r\n]]></a>"),
    (Oracle::Libxml2Push, "<a>x<![CDATA[y\r\n]]></a>"),
];

#[test]
fn an_oracle_that_is_not_asked_would_have_said_something_else() {
    for (oracle, document) in OF_ONE_ORACLE {
        assert_eq!(refusal(Grammar::Document, document), None, "{document:?}");
        let by_expat = Oracle::Expat.read(document.as_bytes()).expect("accepted").events;
        let by_the_other = oracle.read(document.as_bytes()).map(|reading| reading.events);
        assert_ne!(by_the_other, Ok(by_expat), "{document:?}");
        assert!(is_not_asked(oracle, document.as_bytes()), "{document:?}");
    }
}

#[test]
fn rxml_is_given_lone_carriage_returns_as_line_feeds_because_it_loses_them() {
    for document in ["<a x='\ry'/>", "<a x='y\r'/>", "<a/>\r"] {
        let events = |reading: Reading| reading.events;
        let by_expat = Oracle::Expat.read(document.as_bytes()).map(events);
        assert_ne!(read_by_rxml_as_it_is(document.as_bytes()).map(events), by_expat, "{document:?}");
        assert_eq!(Oracle::Rxml.read(document.as_bytes()).map(events), by_expat, "{document:?}");
    }
}

#[test]
fn an_oracle_is_asked_about_everything_else() {
    let right = "<?xml version='1.0' encoding='UTF-8' standalone='yes'?><a x='\r\n'><![CDATA[x\n]]></a>\n";
    for oracle in Oracle::ALL {
        assert!(!is_not_asked(oracle, right.as_bytes()), "{oracle:?}");
        assert!(oracle.read(right.as_bytes()).is_ok(), "{oracle:?}");
    }
}

/// What one of the others takes and the gate does not: why it takes more than one of them to judge the gate.
const LENIENT: [(Oracle, &str, RefusalKind); 13] = [
    (Oracle::Rxml, "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", RefusalKind::ReservedNamespace),
    (Oracle::Rxml, "<a xmlns='u' xmlns='v'/>", RefusalKind::DuplicateAttribute),
    (Oracle::Rxml, "<a/><![CDATA[]]>", RefusalKind::TextOutsideRoot),
    (Oracle::Rxml, "<\u{370}/>", RefusalKind::BadName),
    (Oracle::Expat, "\u{feff}<a/>", RefusalKind::ByteOrderMark),
    (Oracle::Expat, "<!DOCTYPE a><a/>", RefusalKind::Doctype),
    (Oracle::Expat, "<a><!-- --></a>", RefusalKind::Comment),
    (Oracle::Expat, "<a><?x?></a>", RefusalKind::ProcessingInstruction),
    (Oracle::Expat, "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", RefusalKind::DeclaredEncoding),
    (Oracle::Expat, "<a>&#x0000000041;</a>", RefusalKind::BadReference),
    (Oracle::Libxml2, "<\u{370}/>", RefusalKind::BadName),
    (Oracle::Libxml2, "<?xml version='1.1'?><a/>", RefusalKind::DeclaredVersion),
    (Oracle::Libxml2Push, "<\u{370}/>", RefusalKind::BadName),
];

#[test]
fn each_of_the_others_alone_takes_more_than_the_gate() {
    for (oracle, document, kind) in LENIENT {
        assert_eq!(
            refusal(Grammar::Document, document).map(|refusal| refusal.kind),
            Some(kind),
            "{document}"
        );
        assert!(oracle.read(document.as_bytes()).is_ok(), "{oracle:?} {document}");
        let refused =
            [Oracle::Rxml, Oracle::Expat].iter().any(|other| other.read(document.as_bytes()).is_err());
        assert!(refused, "rxml or expat refuses {document}");
    }
}

/// Why there is a gate before it: with every check on, quick-xml takes what is ill-formed.
#[test]
fn quick_xml_takes_what_the_gate_refuses() {
    for document in
        ["<a>\u{1}</a>", "<a>&#1;</a>", "<a/><b/>", "<1a/>", "<p:a/>", "<a x='<'/>", "<a>]]></a>", "<a/>x"]
    {
        assert!(refusal(Grammar::Document, document).is_some(), "{document:?}");
        let mut reader = quick_xml::Reader::from_str(document);
        reader.config_mut().enable_all_checks(true);
        let is_taken = loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        assert!(is_taken, "{document:?}");
    }
}
