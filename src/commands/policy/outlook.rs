//! What each sink gets of an event by a metadata policy, and why: for people as text, for programs as JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use vestibule::disclosure::{Event, Field, FieldStatement, RuleStatement, Statement, moment, period};

use crate::commands::output::write_line;

/// All that is told.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Outlook {
    events: Vec<EventOutlook>,
}

#[derive(Serialize)]
struct EventOutlook {
    event: &'static str,
    sinks: Vec<SinkOutlook>,
    /// The event's fields that no sink gets, not even by an exception that is open.
    nobody: Vec<&'static str>,
}

#[derive(Serialize)]
struct SinkOutlook {
    sink: String,
    purpose: String,
    basis: String,
    retention: String,
    recipients: Vec<String>,
    fields: Vec<FieldOutlook>,
    exceptions: Vec<ExceptionOutlook>,
}

#[derive(Serialize)]
struct FieldOutlook {
    field: String,
    form: String,
}

#[derive(Serialize)]
struct ExceptionOutlook {
    reason: String,
    until: String,
    /// Nothing is open by it any more.
    over: bool,
    fields: Vec<FieldOutlook>,
}

impl Outlook {
    /// What the policy lets out of `events` at the time `now`.
    pub fn new(policy: &Statement, events: &[Event], now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { events: events.iter().map(|event| EventOutlook::new(policy, *event, now)).collect() }
    }

    /// For people.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        for (number, event) in self.events.iter().enumerate() {
            if number > 0 {
                writeln!(output)?;
            }
            event.write(output)?;
        }
        Ok(())
    }
}

impl EventOutlook {
    fn new(policy: &Statement, event: Event, now: u64) -> Self {
        let rules: Vec<&RuleStatement> = policy
            .rules
            .iter()
            .filter(|rule| rule.event == event.name() && !rule.discloses_nothing())
            .collect();
        let let_out: BTreeSet<Field> = Field::ALL
            .iter()
            .copied()
            .filter(|field| rules.iter().any(|rule| rule.action(field.name(), now).is_some()))
            .collect();
        let nobody = Field::ALL.iter().filter(|field| field.occurs_in(event) && !let_out.contains(field));
        Self {
            event: event.name(),
            sinks: rules.iter().map(|rule| SinkOutlook::new(rule, now)).collect(),
            nobody: nobody.map(|field| field.name()).collect(),
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        writeln!(output, "{}", self.event)?;
        for sink in &self.sinks {
            sink.write(output)?;
        }
        match self.nobody.as_slice() {
            [] => writeln!(output, "  there is nothing that nobody gets"),
            _ if self.sinks.is_empty() => writeln!(output, "  nobody gets anything"),
            fields => writeln!(output, "  nobody gets {}", fields.join(", ")),
        }
    }
}

impl SinkOutlook {
    fn new(rule: &RuleStatement, now: u64) -> Self {
        let exceptions = rule.exceptions.iter().map(|exception| ExceptionOutlook {
            reason: exception.reason.clone(),
            until: moment(exception.until),
            over: exception.until <= now,
            fields: outlooks(&exception.fields),
        });
        Self {
            sink: rule.sink.clone(),
            purpose: rule.purpose.clone(),
            basis: rule.basis.clone(),
            retention: period(rule.retention),
            recipients: rule.seen_by().into_iter().map(str::to_owned).collect(),
            fields: outlooks(&rule.fields),
            exceptions: exceptions.collect(),
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { sink, purpose, basis, retention, recipients, fields, exceptions } = self;
        let recipients = recipients.join(", ");
        write_line(output, format_args!("  {sink}, for {purpose}"))?;
        write_line(output, format_args!("    basis: {basis}; kept for {retention}; seen by {recipients}"))?;
        write_fields(fields, output)?;
        for ExceptionOutlook { reason, until, over, fields } in exceptions {
            let is_over = if *over { ", which is over" } else { "" };
            write_line(output, format_args!("    until {until}{is_over}, because {reason}"))?;
            write_fields(fields, output)?;
        }
        Ok(())
    }
}

fn outlooks(fields: &[FieldStatement]) -> Vec<FieldOutlook> {
    fields.iter().map(|field| FieldOutlook { field: field.field.clone(), form: field.form() }).collect()
}

fn write_fields(fields: &[FieldOutlook], output: &mut impl Write) -> io::Result<()> {
    fields.iter().try_for_each(|FieldOutlook { field, form }| writeln!(output, "      {field:<24}  {form}"))
}
