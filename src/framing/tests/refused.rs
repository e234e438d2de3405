//! What the gate refuses: each kind, where, and whatever way the bytes come.

use std::collections::HashSet;

use super::super::RefusalKind::{self, *};
use super::super::{Refusal, RefusalFamily};
use super::{HEADER, document, stream, verdict};

/// Whole documents or streams, as far as they go, with what is refused at which offset.
const FROM_THE_START: &[(&[u8], RefusalKind, u64)] = &[
    (b"", Truncated, 0),
    (b"\xef\xbb\xbf<a/>", ByteOrderMark, 0),
    (b"\xff\xfe<\0", WideEncoding, 0),
    (b"\xfe\xff\0<", WideEncoding, 0),
    (b"<\0a\0", WideEncoding, 0),
    (b"\0<\0a", WideEncoding, 0),
    (b"\xef\xbb<a/>", TextOutsideRoot, 0),
    (b"<?xml version='1.0' encoding='UTF-16'?><a/>", DeclaredEncoding, 0),
    (b"<?xml version='1.0' encoding='iso-8859-1'?><a/>", DeclaredEncoding, 0),
    (b"<?xml version='1.1'?><a/>", DeclaredVersion, 0),
    (b"<?xml version='2.0'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0\"?><a/>", BadDeclaration, 0),
    (b"<?xml version=1.0?><a/>", BadDeclaration, 0),
    (b"<?xml version '1.0'?><a/>", BadDeclaration, 0),
    (b"<?xml encoding='UTF-8'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0'encoding='UTF-8'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0' encoding=''?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0' encoding='-8'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0' standalone='maybe'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0' more='1'?><a/>", BadDeclaration, 0),
    (b"<?xml version='1.0'><a/>", BadDeclaration, 0),
    (b"<?xml ?><a/>", BadDeclaration, 0),
    (b"<?XML version='1.0'?><a/>", ProcessingInstruction, 1),
    (b"<?xml-stylesheet href='a'?><a/>", ProcessingInstruction, 1),
    (b" <?xml version='1.0'?><a/>", ProcessingInstruction, 2),
    (b"<?xml version='1.0'?><?xml version='1.0'?><a/>", ProcessingInstruction, 22),
    (b"<!-- c --><a/>", Comment, 2),
    (b"<!DOCTYPE a><a/>", Doctype, 2),
    (b"<!doctype a><a/>", BadMarkup, 2),
    (b"<![CDATA[x]]><a/>", TextOutsideRoot, 9),
    (b"x<a/>", TextOutsideRoot, 0),
    (b"&lt;<a/>", TextOutsideRoot, 0),
    (b"</a>", MismatchedTag, 2),
    (b"<a", Truncated, 2),
    (b"<", Truncated, 1),
    (b"<?xml version='1.0'?>", Truncated, 21),
];

#[test]
fn what_precedes_the_root_is_held_to_the_grammar() {
    for (input, kind, offset) in FROM_THE_START {
        let expected = Some(Refusal { kind: *kind, offset: *offset });
        assert_eq!(verdict(document, input), expected, "document {}", input.escape_ascii());
        assert_eq!(verdict(stream, input), expected, "stream {}", input.escape_ascii());
    }
}

/// Roots that are not a stream's, or not only.
const ROOTS: &[(&str, RefusalKind, u64)] = &[
    ("<stream>", WrongNamespace, 1),
    ("<stream:stream>", UndeclaredPrefix, 1),
    ("<html xmlns='http://www.w3.org/1999/xhtml'>", WrongNamespace, 1),
    ("<s xmlns='http://etherx.jabber.org/streams'>", WrongRoot, 1),
    ("<stream xmlns='http://etherx.jabber.org/streams'/>", EmptyRoot, 1),
    ("<stream xmlns='http://etherx.jabber.org/stream'>", WrongNamespace, 1),
    ("<stream xmlns='http&#58;//etherx.jabber.org/streams'>", AmbiguousNamespace, 8),
];

#[test]
fn the_root_is_the_streams_own_by_namespace() {
    for (input, kind, offset) in ROOTS {
        let expected = Some(Refusal { kind: *kind, offset: *offset });
        assert_eq!(verdict(stream, input.as_bytes()), expected, "{input}");
    }
}

/// What follows a stream header, with the offset from there.
const IN_THE_STREAM: &[(&[u8], RefusalKind, u64)] = &[
    // Between stanzas.
    (b"x", TextBetweenStanzas, 0),
    (b" x", TextBetweenStanzas, 1),
    (b"\x00", TextBetweenStanzas, 0),
    (b"&#32;", TextBetweenStanzas, 0),
    (b"<![CDATA[ ]]>", TextBetweenStanzas, 9),
    (b"<!-- c -->", Comment, 2),
    (b"<a><!-- c --></a>", Comment, 5),
    (b"<?p i?>", ProcessingInstruction, 1),
    (b"<?xml version='1.0'?>", ProcessingInstruction, 1),
    (b"<a><?xml version='1.0'?></a>", ProcessingInstruction, 4),
    (b"<!DOCTYPE a>", Doctype, 2),
    (b"<a><!DOCTYPE a></a>", Doctype, 5),
    (b"<!ELEMENT a ANY>", BadMarkup, 2),
    (b"<!->", BadMarkup, 2),
    (b"<a><![cdata[x]]></a>", BadMarkup, 5),
    (b"<a><![CDATA [x]]></a>", BadMarkup, 5),
    (b"<a><![INCLUDE[x]]></a>", BadMarkup, 5),
    // Streams.
    (b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", NestedStream, 1),
    (b"<a><s:stream xmlns:s='http://etherx.jabber.org/streams'/></a>", NestedStream, 4),
    (b"<a><b><stream xmlns='http://etherx.jabber.org/streams'/></b></a>", NestedStream, 7),
    (b"</stream:stream><a/>", SecondRoot, 17),
    (b"</stream:stream>\n<stream:stream>", SecondRoot, 18),
    (b"</stream:stream>x", TextOutsideRoot, 16),
    (b"</stream:stream><![CDATA[]]>", TextOutsideRoot, 25),
    (b"</stream:stream></stream:stream>", MismatchedTag, 18),
    (b"</stream:stream><!-- c -->", Comment, 18),
    (b"</stream:stream><?p i?>", ProcessingInstruction, 17),
    (b"</stream:stream", Truncated, 15),
    (b"</stream:strean>", MismatchedTag, 14),
    (b"</stream:streams>", MismatchedTag, 15),
    (b"</stream>", MismatchedTag, 8),
    (b"</stream:stream x>", BadTag, 16),
    // Names.
    (b"<1a/>", BadName, 1),
    (b"<-a/>", BadName, 1),
    (b"<.a/>", BadName, 1),
    (b"< a/>", BadName, 1),
    (b"<>", BadName, 1),
    (b"<a$/>", BadName, 2),
    (b"<a<b/>", BadName, 2),
    (b"<a\x01/>", BadName, 2),
    (b"<a\xc3\x97/>", BadName, 2),
    (b"<\xc2\xb7a/>", BadName, 1),
    (b"<\xf0\x90\x80\x80/>", BadName, 1),
    (b"<a\xe2\x80\xbf/>", BadName, 2),
    (b"<a 1='x'/>", BadName, 3),
    (b"<a ='x'/>", BadName, 3),
    (b"<:a/>", BadQualifiedName, 1),
    (b"<a:/>", BadQualifiedName, 3),
    (b"<a:b:c/>", BadQualifiedName, 4),
    (b"<a::b/>", BadQualifiedName, 3),
    (b"<a:1/>", BadQualifiedName, 3),
    (b"<a :='x'/>", BadQualifiedName, 3),
    (b"<a x:='x'/>", BadQualifiedName, 5),
    (b"<a xmlns:='x'/>", BadQualifiedName, 9),
    (b"<a x:y:z='x'/>", BadQualifiedName, 6),
    // Tags.
    (b"<a x='1'y='2'/>", MissingWhiteSpace, 8),
    (b"<a x='1''2'/>", MissingWhiteSpace, 8),
    (b"<a x/>", BadAttribute, 4),
    (b"<a x y='1'/>", BadAttribute, 5),
    (b"<a x=1/>", BadAttribute, 5),
    (b"<a x='1' y/>", BadAttribute, 10),
    (b"<a x='<'/>", LessThanInAttribute, 6),
    (b"<a / >", BadTag, 4),
    (b"<a//>", BadTag, 3),
    (b"<a x='1' / >", BadTag, 10),
    (b"<a></b>", MismatchedTag, 5),
    (b"<a></ab>", MismatchedTag, 6),
    (b"<ab></a>", MismatchedTag, 7),
    (b"<a></ a>", MismatchedTag, 5),
    (b"<a></A>", MismatchedTag, 5),
    (b"<a></a/>", MismatchedTag, 6),
    (b"<a></a x='1'>", BadTag, 7),
    (b"<a><b></a></b>", MismatchedTag, 8),
    (b"<p:a xmlns:p='u' xmlns:q='u'></q:a>", MismatchedTag, 31),
    // Attributes.
    (b"<a x='1' x='1'/>", DuplicateAttribute, 9),
    (b"<a x='1' y='1' z='' x='1' y='2'/>", DuplicateAttribute, 20),
    (b"<a xmlns='u' xmlns='u'/>", DuplicateAttribute, 13),
    (b"<a xmlns:p='u' xmlns:p='u'/>", DuplicateAttribute, 15),
    (b"<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", DuplicateAttribute, 35),
    (b"<a xmlns:p='u'><b xmlns:q='u' p:x='1' q:x='2'/></a>", DuplicateAttribute, 38),
    (b"<a xmlns:p='jabber:client' xmlns:q='jabber:client' q:x='1' p:x='2'/>", DuplicateAttribute, 59),
    // Namespaces.
    (b"<p:a/>", UndeclaredPrefix, 1),
    (b"<a p:x='1'/>", UndeclaredPrefix, 3),
    (b"<a><b xmlns:p='u'/><p:c/></a>", UndeclaredPrefix, 20),
    (b"<a><b xmlns:p='u'></b><p:c/></a>", UndeclaredPrefix, 23),
    (b"<a xmlns:p=''/>", EmptyNamespace, 3),
    (b"<a xmlns:xmlns='u'/>", ReservedNamespace, 3),
    (b"<a xmlns:xml='u'/>", ReservedNamespace, 3),
    (b"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", ReservedNamespace, 3),
    (b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>", ReservedNamespace, 3),
    (b"<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", ReservedNamespace, 3),
    (b"<a xmlns='http://www.w3.org/2000/xmlns/'/>", ReservedNamespace, 3),
    (b"<xmlns:a/>", ReservedNamespace, 1),
    (b"<a><d xmlns='b&#xA;c'/></a>", AmbiguousNamespace, 6),
    (b"<a xmlns='jabber&#58;client'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='a\tb'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='a\rb'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='a\nb'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='a&amp;b'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a b'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a|b'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a}b'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a\"b'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a\x7fb'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='a\xc2\x9bb'/>", AmbiguousNamespace, 3),
    (b"<a xmlns='urn:\xc3\xa9'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='\xe2\x80\xae'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='\xf0\x9f\x98\x80'/>", AmbiguousNamespace, 3),
    (b"<a xmlns:p='\xff'/>", BadUtf8, 12),
    // Characters.
    (b"<a>\x00</a>", BadCharacter, 3),
    (b"<a>\x08</a>", BadCharacter, 3),
    (b"<a>\x1f</a>", BadCharacter, 3),
    (b"<a x='\x0b'/>", BadCharacter, 6),
    (b"<a><![CDATA[\x0c]]></a>", BadCharacter, 12),
    (b"<a>\xef\xbf\xbe</a>", BadCharacter, 3),
    (b"<a>\xef\xbf\xbf</a>", BadCharacter, 3),
    (b"<a x='\xef\xbf\xbf'/>", BadCharacter, 6),
    (b"<a>]]></a>", SectionEndInText, 5),
    (b"<a>x]]]></a>", SectionEndInText, 7),
    (b"<a><b/>]]></a>", SectionEndInText, 9),
    // References.
    (b"<a>&</a>", BadReference, 3),
    (b"<a>& </a>", BadReference, 3),
    (b"<a>&;</a>", BadReference, 3),
    (b"<a>&lt</a>", BadReference, 3),
    (b"<a>&lt </a>", BadReference, 3),
    (b"<a>&#;</a>", BadReference, 3),
    (b"<a>&#x;</a>", BadReference, 3),
    (b"<a>&#X41;</a>", BadReference, 3),
    (b"<a>&#4a;</a>", BadReference, 3),
    (b"<a>&#x4g;</a>", BadReference, 3),
    (b"<a>&#65a;</a>", BadReference, 3),
    (b"<a>&#x41g;</a>", BadReference, 3),
    (b"<a>& #65;</a>", BadReference, 3),
    (b"<a>&#000000065;</a>", BadReference, 3),
    (b"<a>&#x000000041;</a>", BadReference, 3),
    (b"<a>&#0;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#1;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#x1F;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#xD800;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#xDFFF;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#xFFFE;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#xFFFF;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#x110000;</a>", ReferenceToBadCharacter, 3),
    (b"<a>&#99999999;</a>", ReferenceToBadCharacter, 3),
    (b"<a x='&#0;'/>", ReferenceToBadCharacter, 6),
    (b"<a>&nbsp;</a>", EntityReference, 3),
    (b"<a>&LT;</a>", EntityReference, 3),
    (b"<a>&ltx;</a>", EntityReference, 3),
    (b"<a>&a;</a>", EntityReference, 3),
    (b"<a>&am;</a>", EntityReference, 3),
    (b"<a>&l1;</a>", EntityReference, 3),
    (b"<a>&g.;</a>", EntityReference, 3),
    (b"<a x='&e;'/>", EntityReference, 6),
    (b"<a>&\xc3\xa9;</a>", EntityReference, 3),
    // UTF-8.
    (b"<a>\x80</a>", BadUtf8, 3),
    (b"<a>\xc0\x80</a>", BadUtf8, 3),
    (b"<a>\xc1\xbf</a>", BadUtf8, 3),
    (b"<a>\xc3</a>", BadUtf8, 3),
    (b"<a>\xc3\xc3</a>", BadUtf8, 3),
    (b"<a>\xe0\x9f\xbf</a>", BadUtf8, 3),
    (b"<a>\xe2\x82</a>", BadUtf8, 3),
    (b"<a>\xed\xa0\x80</a>", BadUtf8, 3),
    (b"<a>\xed\xbf\xbf</a>", BadUtf8, 3),
    (b"<a>\xf0\x8f\xbf\xbf</a>", BadUtf8, 3),
    (b"<a>\xf0\x9f\x98</a>", BadUtf8, 3),
    (b"<a>\xf4\x90\x80\x80</a>", BadUtf8, 3),
    (b"<a>\xf5\x80\x80\x80</a>", BadUtf8, 3),
    (b"<a>\xfe</a>", BadUtf8, 3),
    (b"<a>\xeb<></a>", BadUtf8, 3),
    (b"<aaa\xeb/>", BadUtf8, 4),
    (b"<a x='\xff'/>", BadUtf8, 6),
    (b"<a x\xff='1'/>", BadUtf8, 4),
    (b"<a><![CDATA[\xff]]></a>", BadUtf8, 12),
    // The end of the input.
    (b"", Truncated, 0),
    (b"<a/>", Truncated, 4),
    (b"<a>\xc3", Truncated, 4),
    (b"<a>&am", Truncated, 6),
    (b"<a><![CDATA[x]]", Truncated, 15),
];

#[test]
fn what_follows_the_header_is_held_to_the_grammar() {
    for (tail, kind, offset) in IN_THE_STREAM {
        let input = [HEADER.as_bytes(), tail].concat();
        let expected = Some(Refusal { kind: *kind, offset: HEADER.len() as u64 + offset });
        assert_eq!(verdict(stream, &input), expected, "{}", tail.escape_ascii());
    }
}

#[test]
fn every_kind_is_refused_somewhere_in_these_tests() {
    let listed = [
        FROM_THE_START.iter().map(|case| case.1).collect::<Vec<_>>(),
        ROOTS.iter().map(|case| case.1).collect(),
        IN_THE_STREAM.iter().map(|case| case.1).collect(),
        super::limits::KINDS.to_vec(),
        stream::KINDS.to_vec(),
    ];
    let listed: HashSet<RefusalKind> = listed.into_iter().flatten().collect();
    let missing: Vec<_> = RefusalKind::ALL.iter().filter(|kind| !listed.contains(kind)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn kinds_have_different_names_in_kebab_case() {
    let names: HashSet<&str> = RefusalKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), RefusalKind::ALL.len());
    for kind in RefusalKind::ALL {
        let variant = format!("{kind:?}");
        let kebab = variant.char_indices().map(|(position, letter)| match letter {
            'A'..='Z' if position > 0 => format!("-{}", letter.to_ascii_lowercase()),
            _ => letter.to_ascii_lowercase().to_string(),
        });
        assert_eq!(kind.name(), kebab.collect::<String>());
    }
}

#[test]
fn what_rfc_6120_takes_out_is_restricted_and_not_ill_formed() {
    for kind in [Comment, ProcessingInstruction, Doctype, EntityReference] {
        assert_eq!(kind.family(), RefusalFamily::RestrictedXml);
    }
}

#[test]
fn a_refusal_is_shown_as_the_last_line_of_an_inspection() {
    let refusal = Refusal { kind: UndeclaredPrefix, offset: 77 };
    assert_eq!(refusal.to_string(), "refused undeclared-prefix at 77");
}
