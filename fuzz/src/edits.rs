//! Behind the gate: a frame that passed is parsed as the others parse it, and an edit changes what it is meant to change
//! and nothing else.

use crate::choices::Choices;
use crate::damage::damage;
use crate::framing::{Decoded, Frame, FrameKind};
use crate::gate::{Grammar, Passed};
use crate::opinions::Oracle;
use crate::properties::Held;
use crate::reading::{Attributes, Event, Name, joined};
use crate::stanza::{Edit, Element, Tree};
use crate::streams;

/// The property for all frames of one stream.
pub fn edits_change_what_they_are_meant_to(choices: &[u8]) -> Held {
    let (first, rest) = choices.split_at(choices.len().min(64));
    let mut choices = Choices::new(first);
    let input = streams::write(Grammar::Stream, &mut Choices::new(rest));
    let input = if choices.likely(50) { damage(&mut choices, input) } else { input };
    let passed = Passed::of(Grammar::Stream, &input, &[]);
    let (Some(header), Some(root)) = (passed.pieces.first(), &passed.root) else { return Ok(()) };
    let stage = Stage { header: &input[..header.end], root };
    let mut decoder = Grammar::Stream.decoder();
    let mut rest = input.as_slice();
    while let Ok((taken, Some(decoded))) = decoder.decode(rest) {
        rest = &rest[taken..];
        if let Decoded::Frame(frame) = decoded
            && frame.kind == FrameKind::Element
        {
            stage
                .edit(&mut choices, &frame)
                .map_err(|what| format!("{what}: {}", frame.bytes.escape_ascii()))?;
        }
    }
    Ok(())
}

/// What stands around a frame.
struct Stage<'s> {
    header: &'s [u8],
    root: &'s str,
}

impl Stage<'_> {
    fn edit(&self, choices: &mut Choices<'_>, frame: &Frame<'_>) -> Held {
        let tree = Tree::of(frame).map_err(|error| error.to_string())?;
        let before = self.read(frame.bytes)?;
        tree_is_what_is_seen(&tree, frame.bytes, &before)?;
        let (edit, expected) = choose(choices, frame.bytes, &tree, &before);
        let mut edited = Vec::new();
        edit.apply(frame.bytes, &mut edited);
        let say = |what: &str| format!("{what} after the edit to {}", edited.escape_ascii());
        frame.verify(&edited).map_err(|refusal| say(&refusal.to_string()))?;
        let after = self.read(&edited).map_err(|what| say(&what))?;
        if after != expected {
            return Err(say(&format!("{after:?}, not {expected:?}")));
        }
        self.verify_like_the_stream(frame, &damage(choices, edited))
    }

    /// What we wrote ourselves is held to what a peer's stream is held to.
    fn verify_like_the_stream(&self, frame: &Frame<'_>, written: &[u8]) -> Held {
        let document = [self.header, written, b"</", self.root.as_bytes(), b">"].concat();
        let passed = Passed::of(Grammar::Stream, &document, &[]);
        let is_one_element = passed.refusal.is_none()
            && matches!(passed.pieces[..], [header, element, _]
                if element.start == Some(header.end) && element.end == header.end + written.len());
        match frame.verify(written) {
            Ok(()) if !is_one_element => Err(format!("only verify takes {}", written.escape_ascii())),
            Err(refusal) if is_one_element => {
                Err(format!("only verify says '{refusal}' of {}", written.escape_ascii()))
            }
            _ => Ok(()),
        }
    }

    /// The events of one frame, by expat.
    fn read(&self, frame: &[u8]) -> Result<Vec<Event>, String> {
        let document = [self.header, frame, b"</", self.root.as_bytes(), b">"].concat();
        let reading =
            Oracle::Expat.read(&document).map_err(|refused| format!("expat refuses ({})", refused.0))?;
        let inner = 1..reading.events.len() - 1;
        Ok(reading.events[inner].to_vec())
    }
}

/// Elements, attributes and text of the tree are those of the events.
fn tree_is_what_is_seen(tree: &Tree<'_>, frame: &[u8], events: &[Event]) -> Held {
    let starts: Vec<usize> = starts(events).collect();
    if starts.len() != tree.elements().len() {
        return Err(format!("{} elements, not {}", tree.elements().len(), starts.len()));
    }
    for (element, start) in tree.elements().iter().zip(starts) {
        let seen = Event::Start {
            name: Name::new(element.namespace, element.name),
            attributes: attributes(element),
        };
        if seen != events[start] {
            return Err(format!("the tree has {seen:?}, not {:?}", events[start]));
        }
        if let Some(text) = element.text(frame) {
            let expected = match &events[start + 1] {
                Event::Text(text) => text.as_str(),
                _ => "",
            };
            if text != expected {
                return Err(format!("the tree has the text {text:?}, not {expected:?}"));
            }
        }
    }
    Ok(())
}

fn starts(events: &[Event]) -> impl Iterator<Item = usize> {
    events
        .iter()
        .enumerate()
        .filter(|(_, event)| matches!(event, Event::Start { .. }))
        .map(|(place, _)| place)
}

fn attributes(element: &Element<'_>) -> Attributes {
    let expanded =
        |name: &str, namespace: &str| Name::new(namespace, name.split_once(':').map_or(name, |name| name.1));
    let attributes = element.attributes().iter();
    attributes
        .map(|attribute| (expanded(attribute.name, attribute.namespace), attribute.value.to_string()))
        .collect()
}

/// Some edit, and the events after it.
fn choose(choices: &mut Choices<'_>, frame: &[u8], tree: &Tree<'_>, events: &[Event]) -> (Edit, Vec<Event>) {
    let place = choices.below(tree.elements().len());
    let (element, start) = (&tree.elements()[place], starts(events).nth(place).unwrap_or_default());
    let (mut edit, mut events) = (Edit::default(), events.to_vec());
    match (choices.below(3), &element.content, element.attributes()) {
        (0, _, _) if place > 0 => {
            edit.remove_element(frame, element.range.clone());
            events.drain(start..end_of(&events, start));
        }
        (1, _, [_, ..]) => {
            let attribute = &element.attributes()[choices.below(element.attributes().len())];
            edit.remove(attribute.range.clone());
            let (_, local) = attribute.name.split_once(':').unwrap_or(("", attribute.name));
            if let Event::Start { attributes, .. } = &mut events[start] {
                attributes.remove(&Name::new(attribute.namespace, local));
            }
        }
        (_, Some(content), _) => {
            edit.insert(content.start, *b"<added xmlns='urn:added'/>");
            let name = Name::new("urn:added", "added");
            events.splice(
                start + 1..start + 1,
                [Event::Start { name, attributes: Attributes::new() }, Event::End],
            );
        }
        _ => {}
    }
    (edit, joined(events))
}

/// The place after the end of the element that begins at `start`.
fn end_of(events: &[Event], start: usize) -> usize {
    let mut depth = 0;
    for (place, event) in events.iter().enumerate().skip(start) {
        match event {
            Event::Start { .. } => depth += 1,
            Event::End => depth -= 1,
            Event::Text(_) => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    events.len()
}
