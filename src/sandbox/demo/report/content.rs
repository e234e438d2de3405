//! What somebody sees or hears on a screen: images, voice messages with their wave form, videos, files, and what stands
//! in the place of what did not come. All of it is in the page, as `data:` (RFC 2397).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::html::Html;
use crate::sandbox::demo::picture::{Content, Kind, Media, Shown, Wave};

/// Of one file, in bytes; what is larger is told in words.
const LARGEST: usize = 8 << 20;
/// What browsers show without a doubt.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

pub fn screens(html: &mut Html, contents: &[Content]) {
    if contents.is_empty() {
        return;
    }
    html.markup("<div class=\"screens\">\n");
    for Content { caption, shown } in contents {
        html.element("<figure class=\"screen\">\n<figcaption>", caption, "</figcaption>\n");
        match shown {
            Shown::Media(media) => file(html, media),
            Shown::Instead { withheld, text } => {
                html.element("<p class=\"bubble instead\">", text, "</p>\n");
                html.element("<p class=\"faint\">in the place of ", withheld, "</p>\n");
            }
        }
        html.markup("</figure>\n");
    }
    html.markup("</div>\n");
}

fn file(html: &mut Html, media: &Media) {
    html.markup("<div class=\"bubble\">");
    match media.kind() {
        _ if media.bytes.len() > LARGEST => {
            html.markup("<p>It is too large for this page.</p>");
        }
        Kind::Image if IMAGES.contains(&media.media_type.as_str()) => {
            source(html, "<img src=\"", media);
            html.element("\" alt=\"", &media.alt, "\">");
        }
        Kind::Voice => voice(html, media),
        Kind::Video => {
            source(html, "<video controls preload=\"metadata\" src=\"", media);
            html.element("\" aria-label=\"", &media.alt, "\"></video>");
        }
        Kind::Image | Kind::File => {
            source(html, "<a download href=\"", media);
            html.markup("\">Save the file</a>");
        }
    }
    html.element("</div>\n<p class=\"faint\">", media.described(), "</p>\n");
}

fn voice(html: &mut Html, media: &Media) {
    if let Some(wave) = Wave::of(&media.bytes) {
        draw(html, &wave);
    }
    source(html, "<audio controls preload=\"metadata\" src=\"", media);
    html.element("\" aria-label=\"", &media.alt, "\"></audio>");
}

/// A bar for each column, around the middle.
fn draw(html: &mut Html, wave: &Wave) {
    let highest = u32::from(wave.peaks.iter().max().copied().unwrap_or(0).max(1));
    html.element(
        "<svg class=\"wave\" viewBox=\"0 0 ",
        wave.peaks.len() * 4,
        " 48\" preserveAspectRatio=\"none\" ",
    );
    html.markup("role=\"img\" aria-label=\"Wave form\">");
    for (column, peak) in wave.peaks.iter().enumerate() {
        let height = (u32::from(*peak) * 44 / highest).max(2);
        html.element("<rect width=\"3\" rx=\"1.5\" x=\"", column * 4, "\" ");
        html.element("y=\"", 24 - height / 2, "\" ").element("height=\"", height, "\"/>");
    }
    html.markup("</svg>");
}

/// A media type that is none could end its part of the address early, and what follows would be taken for the data.
fn source(html: &mut Html, open: &'static str, media: &Media) {
    let is_token = |character: char| character.is_ascii_alphanumeric() || "!#$&-^_.+".contains(character);
    let is_type = |name: &str| {
        name.split_once('/').is_some_and(|(top, sub)| {
            [top, sub].iter().all(|part| !part.is_empty() && part.chars().all(is_token))
        })
    };
    let name = media.media_type.as_str();
    let name = if is_type(name) { name } else { "application/octet-stream" };
    html.element(open, format_args!("data:{name};base64,"), "").value(BASE64.encode(&media.bytes));
}
