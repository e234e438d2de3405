//! The edit between a stanza as it was sent and as it was received, element by element, as lines to be read.
//!
//! The line breaks and indentation are for reading. Nothing is left out: each line is a piece of the stanza itself.

use crate::framing::Scope;
use crate::stanza::{Element, Tree};

/// What became of a line's piece of the stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Kept,
    Removed,
    Added,
}

/// A start tag, an end tag, or a whole element.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub mark: Mark,
    /// Levels of elements around it.
    pub depth: usize,
    pub text: String,
}

/// The lines of both stanzas, merged. `None` if one of them is no complete element that declares its own prefixes.
pub fn between(sent: &str, received: &str) -> Option<Vec<Line>> {
    let scope = Scope::default();
    let sent_tree = Tree::parse(sent.as_bytes(), &scope).ok()?;
    let received_tree = Tree::parse(received.as_bytes(), &scope).ok()?;
    let mut lines = Lines::default();
    lines.compare(&Node::read(sent, &sent_tree)?, &Node::read(received, &received_tree)?, 0);
    Some(lines.0)
}

/// One element's text and its child elements.
struct Node<'a> {
    whole: &'a str,
    start_tag: &'a str,
    end_tag: &'a str,
    /// Empty if there is text between them too, as the element is then read as one piece.
    children: Vec<Node<'a>>,
}

impl<'a> Node<'a> {
    fn read(text: &'a str, tree: &Tree<'_>) -> Option<Self> {
        let (root, following) = tree.elements().split_first()?;
        Self::build(text, root, following)
    }

    /// `following` are the elements after this one in document order.
    fn build(text: &'a str, element: &Element<'_>, following: &[Element<'_>]) -> Option<Self> {
        let inside = following.iter().take_while(|next| next.depth > element.depth).count();
        let inside = following.get(..inside)?;
        let mut children = Vec::new();
        let mut between = 0;
        for (index, child) in inside.iter().enumerate().filter(|(_, child)| child.depth == element.depth + 1)
        {
            children.push(Self::build(text, child, inside.get(index + 1..)?)?);
            between += child.range.len();
        }
        let content = element.content.clone().unwrap_or(element.range.end..element.range.end);
        if between < content.len() {
            children.clear();
        }
        Some(Self {
            whole: text.get(element.range.clone())?,
            start_tag: text.get(element.start_tag.clone())?,
            end_tag: text.get(content.end..element.range.end)?,
            children,
        })
    }
}

#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn compare(&mut self, sent: &Node<'_>, received: &Node<'_>, depth: usize) {
        if sent.whole == received.whole {
            self.element(Mark::Kept, sent, depth);
        } else if sent.start_tag != received.start_tag
            || sent.children.is_empty()
            || received.children.is_empty()
        {
            self.element(Mark::Removed, sent, depth);
            self.element(Mark::Added, received, depth);
        } else {
            self.line(Mark::Kept, sent.start_tag, depth);
            self.compare_children(&sent.children, &received.children, depth + 1);
            self.line(Mark::Kept, sent.end_tag, depth);
        }
    }

    /// Walks along a longest common subsequence; one element in the place of one other is looked into.
    fn compare_children(&mut self, sent: &[Node<'_>], received: &[Node<'_>], depth: usize) {
        let common = common_lengths(sent, received);
        let (mut at_sent, mut at_received) = (0, 0);
        loop {
            match (sent.get(at_sent), received.get(at_received)) {
                (None, None) => return,
                (Some(old), Some(new)) if old.whole == new.whole => {
                    self.element(Mark::Kept, old, depth);
                    (at_sent, at_received) = (at_sent + 1, at_received + 1);
                }
                (Some(old), Some(new))
                    if common[at_sent][at_received] == common[at_sent + 1][at_received + 1] =>
                {
                    self.compare(old, new, depth);
                    (at_sent, at_received) = (at_sent + 1, at_received + 1);
                }
                (Some(old), new)
                    if new.is_none() || common[at_sent + 1][at_received] == common[at_sent][at_received] =>
                {
                    self.element(Mark::Removed, old, depth);
                    at_sent += 1;
                }
                (_, Some(new)) => {
                    self.element(Mark::Added, new, depth);
                    at_received += 1;
                }
                (Some(_), None) => return,
            }
        }
    }

    fn element(&mut self, mark: Mark, node: &Node<'_>, depth: usize) {
        if node.children.is_empty() {
            return self.line(mark, node.whole, depth);
        }
        self.line(mark, node.start_tag, depth);
        for child in &node.children {
            self.element(mark, child, depth + 1);
        }
        self.line(mark, node.end_tag, depth);
    }

    fn line(&mut self, mark: Mark, text: &str, depth: usize) {
        self.0.push(Line { mark, depth, text: text.to_owned() });
    }
}

/// `[i][j]` is the length of the longest common subsequence of what follows `i` and `j`.
fn common_lengths(sent: &[Node<'_>], received: &[Node<'_>]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; received.len() + 1]; sent.len() + 1];
    for (at_sent, old) in sent.iter().enumerate().rev() {
        for (at_received, new) in received.iter().enumerate().rev() {
            common[at_sent][at_received] = if old.whole == new.whole {
                common[at_sent + 1][at_received + 1] + 1
            } else {
                common[at_sent + 1][at_received].max(common[at_sent][at_received + 1])
            };
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sent: &str, received: &str) -> String {
        let lines = between(sent, received).unwrap().into_iter().map(|Line { mark, depth, text }| {
            let sign = match mark {
                Mark::Kept => ' ',
                Mark::Removed => '-',
                Mark::Added => '+',
            };
            format!("{sign}{}{text}\n", " ".repeat(depth))
        });
        lines.collect()
    }

    #[test]
    fn an_untouched_stanza_has_no_marks() {
        let stanza = "<message to='b'><body>x &lt; y</body></message>";
        assert_eq!(shown(stanza, stanza), " <message to='b'>\n  <body>x &lt; y</body>\n </message>\n");
    }

    #[test]
    fn an_added_element_is_marked_alone() {
        let sent = "<iq><bind xmlns='b'><resource>r</resource></bind></iq>";
        let received = "<iq><bind xmlns='b'><resource>r</resource><list><a/></list></bind></iq>";
        assert_eq!(
            shown(sent, received),
            " <iq>\n  <bind xmlns='b'>\n   <resource>r</resource>\n+  <list>\n+   <a/>\n+  </list>\n  </bind>\n </iq>\n"
        );
    }

    #[test]
    fn an_element_that_moved_past_another_leaves_the_other_unmarked() {
        let sent = "<b><resource/><own x='1'/></b>";
        let received = "<b><list/><resource/></b>";
        assert_eq!(shown(sent, received), " <b>\n+ <list/>\n  <resource/>\n- <own x='1'/>\n </b>\n");
    }

    #[test]
    fn an_element_in_the_place_of_another_is_removed_and_added() {
        assert_eq!(shown("<b><x/><a/></b>", "<b><y/><a/></b>"), " <b>\n- <x/>\n+ <y/>\n  <a/>\n </b>\n");
    }

    #[test]
    fn text_between_elements_is_not_lost() {
        assert_eq!(shown("<b>t<a/></b>", "<b>t<a/></b>"), " <b>t<a/></b>\n");
    }

    #[test]
    fn what_is_no_element_has_no_difference() {
        assert_eq!(between("<a>", "<a/>"), None);
        assert_eq!(between("", "<a/>"), None);
    }
}
