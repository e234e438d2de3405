//! What passed during an act, as a sequence diagram: a lane for each party, an arrow for each frame and each call, with
//! the times at which they were seen.
//!
//! The places of lanes are percentages and those of lines of text are pixels, so that one drawing fits wide and narrow
//! screens without small print.

use std::cmp::Ordering;

use crate::html::Html;
use crate::sandbox::demo::witness::{Arrow, Fate, GATEKEEPER, PROVIDER, VESTIBULE};

/// Arrows of one diagram; of more, only the number is told.
const MOST_ARROWS: usize = 90;
/// In pixels: what stands above the first arrow, and what an arrow takes with its text.
const TOP: usize = 34;
const ROW: usize = 36;
/// The width of all lanes on a narrow screen, and of a character there.
const NARROW: usize = 290;
const CHARACTER: usize = 6;

/// Says what the marks mean, once for the page, and has the shapes that all diagrams use.
pub fn legend(html: &mut Html) {
    html.markup("<div class=\"legend\">\n<h3>How to read the diagrams</h3>\n<ul>\n")
        .markup("<li><span class=\"key\">●</span> passed Vestibule byte for byte</li>\n")
        .markup("<li><span class=\"key\">◆</span> passed it with an edit</li>\n")
        .markup("<li><span class=\"key\">✕</span> went no further</li>\n")
        .markup("<li><span class=\"key\">○</span> said by Vestibule itself</li>\n")
        .markup("<li><span class=\"key\">┄</span> a call over HTTP, with its answer's status</li>\n</ul>\n")
        .markup("<p class=\"faint\">On the left: when it was sent, in milliseconds since the start, and how long it took \
                 until the receiver had it.</p>\n")
        .markup("<svg class=\"shapes\" aria-hidden=\"true\"><defs>\n")
        .markup("<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" ")
        .markup("markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5 L8 4 L0 7.5 Z\"/></marker>\n")
        .markup("</defs></svg>\n</div>\n");
}

pub fn draw(html: &mut Html, arrows: &[Arrow]) {
    if arrows.is_empty() {
        return;
    }
    let lanes = lanes(arrows);
    let shown = arrows.get(..MOST_ARROWS).unwrap_or(arrows);
    let height = TOP + ROW * shown.len();
    html.element(
        "<details class=\"sequence\" open>\n<summary>What passed, and when <small class=\"faint\">",
        arrows.len(),
        "",
    );
    html.markup(if arrows.len() == 1 { " arrow" } else { " arrows" });
    html.markup("</small></summary>\n<div class=\"diagram\">\n");
    times(html, shown, height);
    html.element("<svg class=\"lanes\" width=\"100%\" height=\"", height, "\" role=\"group\" ");
    html.markup("aria-label=\"Sequence diagram\">\n");
    for (at, lane) in lanes.iter().enumerate() {
        let x = place(at, lanes.len());
        let is_last = at + 1 == lanes.len();
        html.markup(if is_last { "<g class=\"lane last\">" } else { "<g class=\"lane\">" });
        html.element("<line x1=\"", &x, "\" ").element("x2=\"", &x, "\" ");
        html.element("y1=\"30\" y2=\"", height, "\"/>").element("<text x=\"", &x, "\" y=\"13\">");
        html.element("", lane, "</text></g>\n");
    }
    for (row, arrow) in shown.iter().enumerate() {
        draw_arrow(html, arrow, TOP + ROW * row, &lanes);
    }
    html.markup("</svg>\n</div>\n");
    if arrows.len() > shown.len() {
        html.element("<p class=\"faint\">and ", arrows.len() - shown.len(), " more</p>\n");
    }
    html.markup("</details>\n");
}

/// When each was sent, and how long it took.
fn times(html: &mut Html, arrows: &[Arrow], height: usize) {
    html.element("<svg class=\"times\" width=\"64\" height=\"", height, "\">\n");
    html.markup("<text x=\"58\" y=\"13\">ms</text>\n");
    for (row, arrow) in arrows.iter().enumerate() {
        let top = TOP + ROW * row;
        html.element("<text x=\"58\" y=\"", top + 12, "\">").element(
            "",
            format!("{:.1}", arrow.sent),
            "</text>",
        );
        if let Some(received) = arrow.received.filter(|_| arrow.fate != Fate::Own) {
            let took = format!("+{:.1}", (received - arrow.sent).max(0.0));
            html.element("<text class=\"faint\" x=\"58\" y=\"", top + 26, "\">").element("", took, "</text>");
        }
        html.markup("\n");
    }
    html.markup("</svg>\n");
}

fn draw_arrow(html: &mut Html, arrow: &Arrow, top: usize, lanes: &[&str]) {
    let lane = |name: &str| lanes.iter().position(|lane| *lane == name).unwrap_or_default();
    let (from, to, count) = (lane(&arrow.from), lane(&arrow.to), lanes.len());
    let (left, right) = (from.min(to), from.max(to));
    let y = top + 22;
    html.markup(match arrow.fate {
        Fate::Direct => "<g class=\"arrow\">",
        Fate::Untouched => "<g class=\"arrow untouched\">",
        Fate::Edited => "<g class=\"arrow changed\">",
        Fate::Stopped => "<g class=\"arrow stopped\">",
        Fate::Own => "<g class=\"arrow own\">",
        Fate::Answered(_) => "<g class=\"arrow call\">",
    });
    html.element("<title>", told(arrow), "</title>");
    let remark = remark(arrow);
    match anchor(left, right, count, arrow.label.chars().count() + remark.chars().count()) {
        Anchor::Left => html.element("<text x=\"", place(left, count), "\" dx=\"5\" "),
        Anchor::Right => html.element("<text class=\"end\" x=\"", place(right, count), "\" dx=\"-5\" "),
        Anchor::Edge => html.markup("<text x=\"0\" dx=\"5\" "),
    };
    html.element("y=\"", top + 12, "\">").value(&arrow.label);
    html.element("<tspan class=\"faint\">", remark, "</tspan></text>");
    html.element("<line x1=\"", place(from, count), "\" ").element("x2=\"", place(to, count), "\" ");
    html.element("y1=\"", y, "\" ").element("y2=\"", y, "\" marker-end=\"url(#head)\"/>");
    let at = place(lane(VESTIBULE), count);
    match arrow.fate {
        Fate::Untouched => mark(html, "<circle class=\"mark\" r=\"3.5\" cx=\"", &at, y),
        Fate::Own => mark(html, "<circle class=\"mark ring\" r=\"4\" cx=\"", &at, y),
        Fate::Edited => sign(html, "◆", &at, y),
        Fate::Stopped => sign(html, "✕", &at, y),
        Fate::Direct | Fate::Answered(_) => {}
    }
    html.markup("</g>\n");
}

/// Where an arrow's text stands.
#[derive(Debug, PartialEq, Eq)]
enum Anchor {
    /// It begins at the arrow's left end.
    Left,
    /// It ends at the arrow's right end.
    Right,
    /// It begins at the edge of the diagram.
    Edge,
}

/// On the side that has more room, if there is enough of it on a narrow screen.
fn anchor(left: usize, right: usize, lanes: usize, characters: usize) -> Anchor {
    let room = |lanes_beside: usize| NARROW * (2 * lanes_beside + 1) / (2 * lanes.max(1));
    let (behind, before) = (room(lanes.saturating_sub(left + 1)), room(right));
    let (side, most) = if before > behind { (Anchor::Right, before) } else { (Anchor::Left, behind) };
    if characters * CHARACTER <= most { side } else { Anchor::Edge }
}

fn mark(html: &mut Html, open: &'static str, at: &str, y: usize) {
    html.element(open, at, "\" ").element("cy=\"", y, "\"/>");
}

fn sign(html: &mut Html, sign: &'static str, at: &str, y: usize) {
    html.element("<text class=\"sign\" x=\"", at, "\" ")
        .element("y=\"", y + 5, "\">")
        .markup(sign)
        .markup("</text>");
}

/// What is said behind an arrow's label.
fn remark(arrow: &Arrow) -> String {
    let Arrow { sent_bytes, received_bytes, .. } = *arrow;
    match arrow.fate {
        Fate::Direct | Fate::Untouched => format!(" · {sent_bytes} B"),
        Fate::Edited => match received_bytes.cmp(&sent_bytes) {
            Ordering::Less => format!(" · edited, −{} B", sent_bytes - received_bytes),
            _ => format!(" · edited, +{} B", received_bytes - sent_bytes),
        },
        Fate::Stopped => format!(" · {sent_bytes} B, stopped"),
        Fate::Own => format!(" · {received_bytes} B, its own"),
        Fate::Answered(status) => format!(" → {status}"),
    }
}

/// The arrow in words, for who points at it.
fn told(arrow: &Arrow) -> String {
    let Arrow { from, to, label, sent, received, .. } = arrow;
    let received =
        received.map_or("never received".to_owned(), |received| format!("received at {received:.2} ms"));
    format!("{from} to {to}: {label}{}; sent at {sent:.2} ms, {received}", remark(arrow))
}

/// The middle of a lane.
fn place(lane: usize, lanes: usize) -> String {
    let part = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    format!("{:.2}%", (part(lane) + 0.5) * 100.0 / part(lanes.max(1)))
}

/// Who is on the left of Vestibule stays there: the provider's clients in the order in which they come, then Vestibule,
/// the gatekeeper, its own clients, and who speaks over HTTP only.
fn lanes(arrows: &[Arrow]) -> Vec<&str> {
    let parties = || arrows.iter().flat_map(|arrow| [arrow.from.as_str(), arrow.to.as_str()]);
    let is_of_gatekeeper = |party: &str| {
        arrows.iter().any(|arrow| arrow.fate == Fate::Direct && (arrow.from == party || arrow.to == party))
    };
    let rank = |party: &str| match party {
        VESTIBULE => 1,
        GATEKEEPER => 2,
        PROVIDER => 4,
        _ if is_of_gatekeeper(party) => 3,
        _ => 0,
    };
    let passes = arrows.iter().any(|arrow| matches!(arrow.fate, Fate::Untouched | Fate::Edited));
    let mut lanes: Vec<&str> = Vec::new();
    for party in parties().chain(passes.then_some(VESTIBULE)) {
        if !lanes.contains(&party) {
            lanes.push(party);
        }
    }
    // The sort is stable.
    lanes.sort_by_key(|party| rank(party));
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str, fate: Fate) -> Arrow {
        Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            label: "message".to_owned(),
            sent: 1.0,
            received: Some(2.5),
            sent_bytes: 10,
            received_bytes: 7,
            fate,
        }
    }

    #[test]
    fn lanes_stand_as_the_parties_do() {
        let arrows = [
            arrow(GATEKEEPER, PROVIDER, Fate::Answered(200)),
            arrow("Bob", GATEKEEPER, Fate::Direct),
            arrow("Carol", GATEKEEPER, Fate::Untouched),
            arrow("Alice", GATEKEEPER, Fate::Edited),
        ];
        assert_eq!(lanes(&arrows), ["Carol", "Alice", VESTIBULE, GATEKEEPER, "Bob", PROVIDER]);
        assert_eq!(lanes(&arrows[..1]), [GATEKEEPER, PROVIDER]);
    }

    #[test]
    fn what_became_of_a_frame_is_said_in_words() {
        let said = |fate| remark(&arrow("Alice", GATEKEEPER, fate));
        assert_eq!(said(Fate::Untouched), " · 10 B");
        assert_eq!(said(Fate::Edited), " · edited, −3 B");
        assert_eq!(said(Fate::Stopped), " · 10 B, stopped");
        assert_eq!(said(Fate::Own), " · 7 B, its own");
        assert_eq!(said(Fate::Answered(204)), " → 204");
    }

    #[test]
    fn texts_stand_where_there_is_room_for_them() {
        assert_eq!(anchor(0, 2, 4, 30), Anchor::Left);
        assert_eq!(anchor(2, 3, 4, 30), Anchor::Right);
        assert_eq!(anchor(2, 3, 6, 43), Anchor::Edge);
        assert_eq!(anchor(0, 0, 0, 1), Anchor::Left);
    }

    #[test]
    fn long_diagrams_end_with_how_much_more_there_is() {
        let mut html = Html::new();
        draw(&mut html, &vec![arrow("Alice", GATEKEEPER, Fate::Untouched); MOST_ARROWS + 3]);
        let page = html.finish();
        assert_eq!(page.matches("<g class=\"arrow").count(), MOST_ARROWS);
        assert!(page.contains("and 3 more"));
        let mut empty = Html::new();
        draw(&mut empty, &[]);
        assert_eq!(empty.finish(), "");
    }
}
