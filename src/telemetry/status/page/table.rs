//! Tables that read on a narrow screen, too, where each row becomes a list: so each cell says its column.

use std::fmt::Display;

use super::words::grouped;
use crate::html::Html;

/// Rows that a table shows; of more, only the number is told.
pub(super) const MOST_ROWS: usize = 200;

/// A section of the page that is one table.
pub(super) struct Table {
    pub heading: &'static str,
    /// What is told where there are no rows.
    pub empty: &'static str,
    pub columns: &'static [Column],
}

/// A column by its name; numbers stand below each other by their last digits.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Words(&'static str),
    Number(&'static str),
}

/// The row that is being written.
pub(super) struct Row<'h> {
    html: &'h mut Html,
    columns: std::slice::Iter<'static, Column>,
}

impl Table {
    pub fn write<R>(
        &self,
        html: &mut Html,
        rows: impl IntoIterator<Item = R>,
        mut cells: impl FnMut(&mut Row<'_>, R),
    ) {
        html.element("<section>\n<h2>", self.heading, "</h2>\n");
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            html.element("<p class=\"none\">", self.empty, "</p>\n</section>\n");
            return;
        }
        html.markup("<table role=\"table\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
        for column in self.columns {
            let (open, name) = match column {
                Column::Words(name) => ("<th role=\"columnheader\" scope=\"col\">", name),
                Column::Number(name) => ("<th role=\"columnheader\" scope=\"col\" class=\"number\">", name),
            };
            html.element(open, name, "</th>");
        }
        html.markup("</tr></thead>\n<tbody role=\"rowgroup\">\n");
        for row in rows.by_ref().take(MOST_ROWS) {
            html.markup("<tr role=\"row\">");
            cells(&mut Row { html, columns: self.columns.iter() }, row);
            html.markup("</tr>\n");
        }
        html.markup("</tbody>\n</table>\n");
        let more = rows.count() as u64;
        if more > 0 {
            html.element("<p class=\"faint\">", grouped(more), " more are not shown here.</p>\n");
        }
        html.markup("</section>\n");
    }
}

impl Row<'_> {
    pub fn cell(&mut self, value: impl Display) {
        self.marked("<span>", value);
    }

    /// What is read by machines, too: addresses, digests.
    pub fn code(&mut self, value: impl Display) {
        self.write(|html| {
            html.element("<code>", value, "</code>");
        });
    }

    /// A value in a `span` that `open` opens, with a class if it needs attention.
    pub fn marked(&mut self, open: &'static str, value: impl Display) {
        self.write(|html| {
            html.element(open, value, "</span>");
        });
    }

    fn write(&mut self, fill: impl FnOnce(&mut Html)) {
        let (open, name) = match self.columns.next() {
            Some(Column::Words(name)) => ("<td role=\"cell\" data-column=\"", *name),
            Some(Column::Number(name)) => ("<td role=\"cell\" class=\"number\" data-column=\"", *name),
            None => return,
        };
        self.html.element(open, name, "\">");
        fill(self.html);
        self.html.markup("</td>");
    }
}
