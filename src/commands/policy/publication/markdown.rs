//! The report as Markdown (CommonMark with tables). What comes from the policy's file is escaped.

use std::collections::BTreeSet;
use std::io::{self, Write};

use vestibule::disclosure::{Event, Field, FieldStatement, RuleStatement, SinkName, moment, period, visible};

use super::Publication;

/// Writes the whole report.
pub fn write(publication: &Publication, output: &mut impl Write) -> io::Result<()> {
    writeln!(
        output,
        "# What is kept of connections and messages\n\n\
         This is what the metadata policy `{}` lets out of Vestibule, a proxy between clients and a gatekeeper. What the \
         policy does not name is not written down, and content and credentials cannot be named by any policy.\n",
        publication.policy.digest
    )?;
    if publication.policy.rules.iter().all(RuleStatement::discloses_nothing) {
        writeln!(output, "Nothing is let out.\n")?;
    }
    for sink in SinkName::ALL {
        write_sink(publication, sink, output)?;
    }
    write_never_together(publication, output)?;
    if publication.policy.rules.iter().any(RuleStatement::discloses_pseudonyms) {
        write_pseudonyms(publication, output)?;
    }
    write_in_memory_only(publication, output)?;
    writeln!(
        output,
        "## Sums\n\n\
         Whatever the policy says, Vestibule counts connections, sessions, stanzas, bytes, refusals and the like. The \
         counters tell apart configured hosts and words of closed lists, never addresses, accounts or single sessions."
    )
}

fn write_sink(publication: &Publication, sink: SinkName, output: &mut impl Write) -> io::Result<()> {
    let of_sink = |rule: &&RuleStatement| rule.sink == sink.name() && !rule.discloses_nothing();
    let mut rules = publication.policy.rules.iter().filter(of_sink).peekable();
    if rules.peek().is_none() {
        return Ok(());
    }
    writeln!(output, "## {}\n\n{}\n", title(sink), place(publication, sink))?;
    rules.try_for_each(|rule| write_rule(publication, sink, rule, output))
}

fn write_rule(
    publication: &Publication,
    sink: SinkName,
    rule: &RuleStatement,
    output: &mut impl Write,
) -> io::Result<()> {
    let recipients: Vec<String> = rule.seen_by().into_iter().map(escaped).collect();
    let event = Event::from_name(&rule.event).map_or("", when);
    writeln!(output, "### {event}\n")?;
    writeln!(output, "- Purpose: {}", escaped(&rule.purpose))?;
    writeln!(output, "- Basis: {}", escaped(&rule.basis))?;
    writeln!(output, "- Kept for: {}, {}", period(rule.retention), deletion(publication, sink))?;
    writeln!(output, "- Recipients: {}\n", recipients.join(", "))?;
    write_fields(&rule.fields, output)?;
    for exception in &rule.exceptions {
        let (until, reason) = (moment(exception.until), escaped(&exception.reason));
        writeln!(output, "Until {until} this is open as well, or in another form. The reason: {reason}\n")?;
        write_fields(&exception.fields, output)?;
    }
    Ok(())
}

fn write_fields(fields: &[FieldStatement], output: &mut impl Write) -> io::Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    writeln!(output, "| field | what it is | form |\n|---|---|---|")?;
    for statement in fields {
        let meaning = Field::from_name(&statement.field).map_or("", Field::meaning);
        writeln!(output, "| `{}` | {} | {} |", statement.field, meaning, statement.form())?;
    }
    writeln!(output)
}

fn write_never_together(publication: &Publication, output: &mut impl Write) -> io::Result<()> {
    let sets = &publication.policy.never_together;
    if sets.is_empty() {
        return Ok(());
    }
    writeln!(
        output,
        "## Never together\n\nNo place holds all fields of one of these sets, in whatever form:\n"
    )?;
    for set in sets {
        let fields: Vec<String> = set.iter().map(|field| format!("`{field}`")).collect();
        writeln!(output, "- {}", fields.join(", "))?;
    }
    writeln!(output)
}

fn write_pseudonyms(publication: &Publication, output: &mut impl Write) -> io::Result<()> {
    writeln!(
        output,
        "## Pseudonyms\n\n\
         A pseudonym is a keyed digest of the value. The same value has the same pseudonym for the same purpose in the \
         same place for {} at most; then the key is destroyed, and with it every link. The key is never written down.\n",
        period(publication.policy.pseudonym_period)
    )
}

fn write_in_memory_only(publication: &Publication, output: &mut impl Write) -> io::Result<()> {
    writeln!(
        output,
        "## In memory only\n\nThis passes through or is used while a connection lasts, and cannot be let out by any policy:\n"
    )?;
    writeln!(output, "| what | class | what it is and what it is used for |\n|---|---|---|")?;
    for withheld in &publication.catalogue.withheld {
        writeln!(output, "| `{}` | {} | {} |", withheld.name, withheld.class, withheld.r#use)?;
    }
    let only = |name: &&str| publication.in_memory_only.contains(name);
    let mut fields = publication.catalogue.fields.iter().filter(|field| only(&field.name)).peekable();
    if fields.peek().is_some() {
        writeln!(output, "\nThis could be let out, and this policy does not:\n")?;
        writeln!(output, "| field | class | what it is |\n|---|---|---|")?;
    }
    for field in fields {
        writeln!(output, "| `{}` | {} | {} |", field.name, field.class, field.meaning)?;
    }
    writeln!(output)
}

fn title(sink: SinkName) -> &'static str {
    match sink {
        SinkName::Access => "The access log",
        SinkName::Audit => "The audit log",
        SinkName::Diagnostics => "The log of the process",
        SinkName::Metrics => "The metrics",
        SinkName::Gatekeeper => "The gatekeeper",
    }
}

fn place(publication: &Publication, sink: SinkName) -> &'static str {
    match sink {
        SinkName::Access => "One line for each event.",
        SinkName::Audit => {
            "One record for each event, beside the changes of the policy. Each record has the hash of the \
                            one before it, so that none can be changed or taken out unnoticed."
        }
        SinkName::Diagnostics => {
            "One line for each event, when the process is told to log at the level `debug`."
        }
        SinkName::Metrics => "Events are counted by these fields, whose values are few.",
        SinkName::Gatekeeper => told(publication.signals.as_ref()),
    }
}

/// How the gatekeeper is told, which the policy alone does not say.
fn told(signals: Option<&BTreeSet<&'static str>>) -> &'static str {
    match signals {
        None => "What may be passed on to the gatekeeper, in the way that the configuration's `signals` say.",
        Some(signals) if signals.iter().all(|carrier| *carrier == "off") => {
            "What may be passed on to the gatekeeper. The configuration does not pass it on: its `signals` are `off`."
        }
        Some(signals) if signals.iter().any(|carrier| carrier.starts_with("proxy")) => {
            "What is passed on to the gatekeeper, once for each connection. Of what a header of the PROXY protocol carries \
             there is only the client's address and port."
        }
        Some(_) => "What is passed on to the gatekeeper, once for each connection, inside of its encryption.",
    }
}

/// Who sees to it that what is kept goes after its time.
fn deletion(publication: &Publication, sink: SinkName) -> &'static str {
    match (sink, publication.access_log_retention_enforced) {
        (SinkName::Access, Some(true)) => "then deleted by Vestibule",
        (SinkName::Access, None) => "then deleted by Vestibule or by whatever the log is handed to",
        (SinkName::Access, Some(false)) | (SinkName::Diagnostics, _) => {
            "then to be deleted by whatever the log is handed to"
        }
        (SinkName::Audit, _) => "then deleted by Vestibule, if not before",
        (SinkName::Metrics, _) => "then to be deleted by whatever collects the metrics",
        (SinkName::Gatekeeper, _) => "then to be deleted by the gatekeeper",
    }
}

fn when(event: Event) -> &'static str {
    match event {
        Event::Connection => "When a client's connection was turned away, or its TLS handshake ended",
        Event::Upstream => "When connecting to the gatekeeper ended",
        Event::Stanza => "When a message, presence or query was passed on",
        Event::Refusal => "When a stream was refused",
        Event::Session => "When a session ended",
    }
}

/// Text of the policy's file as text: nothing of it becomes markup, a link, or another line. Markdown shows any white space
/// as one space, so that a text may be written in lines.
fn escaped(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(text.len());
    for character in visible(&text).chars() {
        if "\\`*_[]<>|~&:@.$#!".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_of_a_policy_cannot_become_markup() {
        assert_eq!(escaped("a | b\n# c"), "a \\| b \\# c");
        assert_eq!(escaped("[x](http://y.example) <b> `c`"), "\\[x\\](http\\://y\\.example) \\<b\\> \\`c\\`");
        assert_eq!(escaped("a\u{202e}b\u{2028}c"), r"a\\u{202e}b c");
        assert_eq!(escaped("legitimate interest (GDPR 6(1)(f))"), "legitimate interest (GDPR 6(1)(f))");
    }
}
