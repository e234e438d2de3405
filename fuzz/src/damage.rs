//! What chance and ill will make of an input: bytes, names, namespaces, quotes, references, UTF-8.

use crate::choices::Choices;

/// Changes up to four places of `input`.
pub fn damage(choices: &mut Choices<'_>, mut input: Vec<u8>) -> Vec<u8> {
    for _ in 0..=choices.below(4) {
        let place = choices.below(65_536) % (input.len() + 1);
        match choices.below(8) {
            0 => flip(choices, &mut input, place),
            1 => copy(choices, &mut input, place),
            2 => rename(choices, &mut input, place),
            _ => replace(choices, &mut input, place),
        }
    }
    input
}

/// One bit, so that a byte becomes another one or a character is no longer UTF-8.
fn flip(choices: &mut Choices<'_>, input: &mut [u8], place: usize) {
    if let Some(byte) = input.get_mut(place) {
        *byte ^= 1 << choices.below(8);
    }
}

/// A part of the input once more, somewhere else.
fn copy(choices: &mut Choices<'_>, input: &mut Vec<u8>, place: usize) {
    let start = choices.below(65_536) % (input.len() + 1);
    let end = (start + choices.below(64)).min(input.len());
    let part = input[start..end].to_vec();
    input.splice(place..place, part);
}

/// One word of the markup in the place of another that stands at or after `place`.
fn rename(choices: &mut Choices<'_>, input: &mut Vec<u8>, place: usize) {
    const WORDS: [&str; 14] = [
        "a",
        "xmlns",
        "xml",
        "xmlns:a",
        "urn:a",
        "urn:b",
        "a:x",
        "to",
        "stream",
        "stream:stream",
        "",
        "b:to",
        "lt",
        "http://etherx.jabber.org/streams",
    ];
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b":-_./".contains(byte);
    let Some(start) = input[place..].iter().position(is_word).map(|distance| place + distance) else {
        return;
    };
    let length = input[start..].iter().take_while(|byte| is_word(byte)).count();
    let word = choices.one_of(&WORDS);
    input.splice(start..start + length, word.bytes());
}

/// Up to two bytes taken out, and something put in.
fn replace(choices: &mut Choices<'_>, input: &mut Vec<u8>, place: usize) {
    let end = (place + choices.below(3)).min(input.len());
    let other = [choices.byte()];
    let fragment = match choices.below(FRAGMENTS.len() + 4) {
        0 | 1 => &b""[..],
        2 | 3 => &other,
        index => FRAGMENTS[index - 4],
    };
    input.splice(place..end, fragment.iter().copied());
}

const FRAGMENTS: [&[u8]; 94] = [
    b"<",
    b">",
    b"/",
    b"&",
    b";",
    b"'",
    b"\"",
    b"=",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b":",
    b"]",
    b"]]>",
    b"]]",
    b"x",
    b"1",
    b"-",
    b".",
    b"#",
    b"&#",
    b"&#x",
    b"&#0;",
    b"&#1;",
    b"&#xD800;",
    b"&#xFFFE;",
    b"&#x110000;",
    b"&#38;",
    b"&#x3C;",
    b"&#000000065;",
    b"&#X41;",
    b"&lt;",
    b"&lt",
    b"&unknown;",
    b"&AMP;",
    b"<!--",
    b"<!-- -->",
    b"<?",
    b"<?x?>",
    b"<?xml version='1.0'?>",
    b"<!DOCTYPE a>",
    b"<!",
    b"<![CDATA[",
    b"<![CDATA[]]>",
    b"<![CDATA[]]]]>",
    b"<![cdata[",
    b"<a>",
    b"</a>",
    b"<a/>",
    b"<a:x/>",
    b"<:a/>",
    b"<a:/>",
    b"<a:b:c/>",
    b"<1/>",
    b"</>",
    b"<xmlns:a/>",
    b"<xml:a/>",
    b"</stream:stream>",
    b"<stream:stream>",
    b"<stream xmlns='http://etherx.jabber.org/streams'>",
    b" to='x'",
    b" a:to='x'",
    b" b:to='x'",
    b" xmlns:a='u' xmlns:b='u' a:to='' b:to=''",
    b"<x xmlns:a='u' xmlns:b='u' a:to='' b:to=''/>",
    b" xmlns:a='urn:a'",
    b" xmlns:b='urn:a'",
    b" xmlns:a=''",
    b" xmlns=''",
    b" xmlns:xml='http://www.w3.org/XML/1998/namespace'",
    b" xmlns:xml='urn:a'",
    b" xmlns:xmlns='urn:a'",
    b" xmlns:a='http://www.w3.org/XML/1998/namespace'",
    b" xmlns='http://www.w3.org/2000/xmlns/'",
    b" xmlns:a='u&#10;a'",
    b" xmlns:a='u a'",
    b" x='<'",
    b" x=1",
    b" x",
    b"\x00",
    b"\x0b",
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbf\xbf",
    b"\xef\xbb\xbf",
    b"\xeb<>",
    b"\xc3\x97",
    b"\xc2\xb7",
    b"\xcc\x80",
    b"<\xc2\xb7/>",
    b"\xf0\x90\x80\x80",
];
