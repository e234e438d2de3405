//! What must hold for every input. Each property is given choices, and says what is wrong and with which input.

use crate::choices::Choices;
use crate::damage::damage;
use crate::framing::RefusalKind;
use crate::gate::{Grammar, Note, Passed};
use crate::opinions::{Oracle, rxml_refuses_the_beginning};
use crate::quirks;
use crate::reading::Reading;
use crate::streams;

/// What does not hold, in words for people.
pub type Held = Result<(), String>;

/// What is right is accepted, by the gate and by all others, who see the same.
pub fn right_input_is_accepted(choices: &[u8]) -> Held {
    let mut choices = Choices::new(choices);
    for grammar in [Grammar::Stream, Grammar::Document] {
        let input = streams::write(grammar, &mut choices);
        let passed = Passed::of(grammar, &input, &[]);
        if let Some(refusal) = passed.refusal {
            return Err(format!("the gate says '{refusal}' of {}", input.escape_ascii()));
        }
        all_agree(grammar, &input)?;
    }
    Ok(())
}

/// What is damaged is judged as the others judge it.
pub fn damaged_input_is_judged_alike(choices: &[u8]) -> Held {
    let (grammar, input) = damaged(choices, 100);
    all_agree(grammar, &input)
}

/// A stream or a document, damaged in so many percent of cases. What is damaged is chosen first, so that few choices do
/// some damage, too.
pub fn damaged(choices: &[u8], percent: usize) -> (Grammar, Vec<u8>) {
    let (first, rest) = choices.split_at(choices.len().min(CHOICES_OF_DAMAGE));
    let mut first = Choices::new(first);
    let grammar = if first.likely(50) { Grammar::Stream } else { Grammar::Document };
    let is_damaged = percent == 100 || first.likely(percent);
    let input = streams::write(grammar, &mut Choices::new(rest));
    (grammar, if is_damaged { damage(&mut first, input) } else { input })
}

/// Enough for all places that [`damage`] changes.
const CHOICES_OF_DAMAGE: usize = 48;

/// The gate and the others on one input. What the gate passes is a document to them, and the same one. If the gate does
/// not pass all of the input, one of them refuses it, or the ground is one of ours. What rxml refuses at once, the gate
/// refuses when the token ends.
pub fn all_agree(grammar: Grammar, input: &[u8]) -> Held {
    let passed = Passed::of(grammar, input, &[]);
    if let Some(document) = passed.document(input) {
        let say = |what: String| format!("{what}: {}", document.escape_ascii());
        passed_document_is_seen_alike(&passed, &document).map_err(say)?;
    }
    let Some(refusal) = passed.refusal else { return Ok(()) };
    let say = |what: &str| Err(format!("{what} '{refusal}' of {}", input.escape_ascii()));
    if let (Ok(rxml), Ok(_)) = (Oracle::Rxml.read(input), Oracle::Expat.read(input))
        && !quirks::is_our_restriction(refusal, input, &rxml)
    {
        return say("only the gate says");
    }
    if refusal.kind == RefusalKind::Truncated
        && !quirks::is_not_asked(Oracle::Rxml, input)
        && rxml_refuses_the_beginning(input)
        && !ENDINGS.iter().any(|ending| is_refused(grammar, &[input, ending].concat()))
    {
        return say("rxml refuses at once, and the gate waits");
    }
    Ok(())
}

/// What may end the token that an input ends in: the gate judges some tokens only when they are whole.
const ENDINGS: [&[u8]; 8] = [b"x", b"'", b"\"", b";", b">", b"?>", b"''>", b"=''>"];

fn is_refused(grammar: Grammar, input: &[u8]) -> bool {
    let refusal = Passed::of(grammar, input, &[]).refusal;
    refusal.is_some_and(|refusal| refusal.kind != RefusalKind::Truncated)
}

fn passed_document_is_seen_alike(passed: &Passed, document: &[u8]) -> Held {
    let mut first: Option<(Oracle, Reading)> = None;
    for oracle in Oracle::ALL.into_iter().filter(|oracle| !quirks::is_not_asked(*oracle, document)) {
        let reading =
            oracle.read(document).map_err(|refused| format!("{oracle:?} refuses ({})", refused.0))?;
        boundaries_are_the_same(passed, &reading).map_err(|what| format!("{oracle:?}: {what}"))?;
        match &first {
            Some((other, seen)) if seen.events != reading.events => {
                return Err(format!("{other:?} sees {:?}, but {oracle:?} {:?}", seen.events, reading.events));
            }
            Some(_) => {}
            None => first = Some((oracle, reading)),
        }
    }
    let Some((_, reading)) = first else { return Ok(()) };
    let expected = Note::of_reading(&reading);
    if passed.notes == expected { Ok(()) } else { Err(format!("noted {:?}, not {expected:?}", passed.notes)) }
}

/// The pieces that passed are those that the other sees. The document may have an end tag that we added.
fn boundaries_are_the_same(passed: &Passed, reading: &Reading) -> Held {
    let same = passed.pieces.len() <= reading.pieces.len()
        && passed.pieces.iter().zip(&reading.pieces).all(|(ours, theirs)| {
            ours.end == theirs.end && theirs.start.is_none_or(|start| ours.start == Some(start))
        });
    if same { Ok(()) } else { Err(format!("cut at {:?}, not {:?}", passed.pieces, reading.pieces)) }
}

/// Verdict, frames, offsets and notes are the same however the input is cut.
pub fn chunks_do_not_matter(choices: &[u8]) -> Held {
    let (first, rest) = choices.split_at(choices.len().min(8));
    let mut first = Choices::new(first);
    let lengths: Vec<usize> = (0..=first.below(6)).map(|_| first.below(40)).collect();
    let (grammar, input) = damaged(rest, 60);
    cut_input_gives_the_same(grammar, &input, &lengths)
}

pub fn cut_input_gives_the_same(grammar: Grammar, input: &[u8], lengths: &[usize]) -> Held {
    let whole = Passed::of(grammar, input, &[]);
    for lengths in [lengths, &[1]] {
        let cut = Passed::of(grammar, input, lengths);
        if cut != whole {
            return Err(format!("cut by {lengths:?} {cut:?}, whole {whole:?}: {}", input.escape_ascii()));
        }
    }
    Ok(())
}
