//! Writing HTML in which a value cannot become markup: markup is known when this is compiled, and values are escaped.

use std::fmt::{self, Display, Write};

/// HTML in the making.
pub struct Html(String);

impl Html {
    pub fn new() -> Self {
        Self(String::with_capacity(16 * 1024))
    }

    /// Adds markup, which is not escaped: so it is Vestibule's own.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a value, for content or between the quotes of an attribute.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(Escape(&mut self.0), "{value}");
        self
    }

    /// An element that holds nothing but a value.
    pub fn element(&mut self, open: &'static str, value: impl Display, close: &'static str) -> &mut Self {
        self.markup(open).value(value).markup(close)
    }

    pub fn finish(self) -> String {
        self.0
    }
}

struct Escape<'s>(&'s mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_becomes_markup() {
        let mut html = Html::new();
        html.markup("<b title=\"").value("\"'<&>").element("\">", "</b>", "</b>");
        assert_eq!(html.finish(), "<b title=\"&quot;&#39;&lt;&amp;&gt;\">&lt;/b&gt;</b>");
    }
}
