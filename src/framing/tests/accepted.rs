//! What the gate accepts, although a less careful one might not.

use super::super::names;
use super::{HEADER, document, record, stream, verdict};

const DOCUMENTS: &[&str] = &[
    "<a/>",
    "<a></a>",
    " \r\n\t<a/>",
    "<?xml version='1.0'?><a/>",
    "<?xml version=\"1.0\"?>\n<a/>",
    "<?xml version='1.0' ?><a/>",
    "<?xml\n version\t=\r'1.0'\n encoding = \"utf-8\"\tstandalone = 'yes'\n?><a/>",
    "<?xml version='1.0' standalone='no'?><a/>",
    "<?xml version='1.0' encoding='UTF-8'?><a/>",
    "<a >x</a >",
    "<a\n/>",
    "<a\tx = '1'\r\ny\n=\n\"2\"\n/>",
    "<a x='\"' y=\"'\" z='>'/>",
    "<a x=''/>",
    "<a x='a\tb\nc\rd'/>",
    "<a x='&lt;&gt;&amp;&quot;&apos;&#9;&#x10FFFF;&#00000065;&#xE000;'/>",
    "<a>text > ]] ]>  &lt;&gt;&amp;&quot;&apos; &#9;</a>",
    "<a>]]&gt; ]&#93;></a>",
    "<a><![CDATA[]]></a>",
    "<a><![CDATA[<&>]]]]><![CDATA[>]]></a>",
    "<a><![CDATA[]]]></a>",
    "<a><![CDATA[]]]]]]></a>",
    "<a><![CDATA[x]]>></a>",
    "<a>\u{7f}\u{85}\u{feff}\u{fffd}\u{d7ff}\u{e000}\u{10000}\u{10ffff}\u{1fffe}</a>",
    "<_a-b.c1/>",
    "<Élan ñ='1'/>",
    "<имя>текст</имя>",
    "<名 前='日本語'>漢字かな交じり文、長い文章です。</名>",
    "<p:a xmlns:p='u'/>",
    "<a p:x='1' xmlns:p='u'/>",
    "<a xmlns='u'><b xmlns=''/></a>",
    "<a xmlns:p='u'><b xmlns:p='v' p:x='1'/><p:c/></a>",
    "<a xmlns:p='u' xmlns:q='v' p:x='1' q:x='1' x='1'/>",
    "<a xmlns='u' xmlns:p='u' x='1' p:x='1'/>",
    "<a xml:lang='en' xml:space='preserve'/>",
    "<xml:a/>",
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
    "<a xmlns:xmlfoo='u' xmlfoo:x='1'/>",
    "<a xmlnsx='1' xml='2'/>",
    "<a xmlns='http://[::1]:80/~e?a=b;c#(d)!$*+,@%20'/>",
    "<a><a><a></a></a></a>",
    "<a>x<b/>y<![CDATA[z]]>&amp;<c>w</c>v</a>",
];

#[test]
fn well_formed_documents_pass_whatever_way_they_come() {
    for input in DOCUMENTS {
        assert_eq!(verdict(document, input.as_bytes()), None, "{input}");
    }
}

#[test]
fn their_roots_pass_as_stanzas_of_a_stream_too() {
    for input in DOCUMENTS.iter().filter(|input| !input.starts_with(['\n', ' ']) && !input.contains("<?xml"))
    {
        let streamed = format!("{HEADER}{input}\n</stream:stream>\n");
        assert_eq!(verdict(stream, streamed.as_bytes()), None, "{input}");
        let frames = record(stream(), [streamed.as_bytes()]).frames;
        assert_eq!(frames[1].2, input.as_bytes());
    }
}

/// Every character of the first plane, in either place of a name, against the fifth edition's productions.
/// That it is the fourth edition's names that pass is seen against expat, which implements them.
#[test]
fn names_are_within_the_fifth_editions_productions() {
    let starts = |code| {
        matches!(code, 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x2ff | 0x370..=0x37d | 0x37f..=0x1fff | 0x200c..=0x200d
            | 0x2070..=0x218f | 0x2c00..=0x2fef | 0x3001..=0xd7ff | 0xf900..=0xfdcf | 0xfdf0..=0xfffd)
    };
    for character in '\u{80}'..='\u{ffff}' {
        let code = u32::from(character);
        let continues = starts(code) || matches!(code, 0xb7 | 0x300..=0x36f | 0x203f..=0x2040);
        assert!(starts(code) || !names::is_name_start(character), "{code:x}");
        assert!(continues || !names::is_name(character), "{code:x}");
        assert!(names::is_name(character) || !names::is_name_start(character), "{code:x}");
    }
    assert!(!names::is_name('\u{10000}') && !names::is_name_start('\u{efff}'));
}

/// How many characters each production of the fourth edition's appendix B has: a lost or added range shows.
#[test]
fn names_are_those_of_the_fourth_edition() {
    let count = |is: fn(char) -> bool| ('\u{80}'..='\u{ffff}').filter(|character| is(*character)).count();
    assert_eq!((count(names::is_name_start), count(names::is_name)), (34_462, 35_056));
    for character in
        ['\u{e8}', '\u{386}', '\u{430}', '\u{5d0}', '\u{e01}', '\u{3007}', '\u{4e00}', '\u{9fa5}', '\u{d7a3}']
    {
        assert!(names::is_name_start(character), "{character}");
    }
    for character in ['\u{b7}', '\u{300}', '\u{660}', '\u{e46}', '\u{3005}', '\u{309a}', '\u{20dc}'] {
        assert!(names::is_name(character) && !names::is_name_start(character), "{character}");
    }
    for character in
        ['\u{d7}', '\u{f7}', '\u{370}', '\u{2010}', '\u{3000}', '\u{9fa6}', '\u{fdf0}', '\u{ff21}']
    {
        assert!(!names::is_name(character), "{character}");
    }
}
