//! What a content-types policy does for one client: for people as text, for programs as JSON.

use std::io::{self, Write};

use serde::Serialize;
use vestibule::content_types::{
    Accept, Advertisement, Carrier, Case, ContentClass, ContentTypesPolicy, Conversation, DiscoAdvertisement,
    EnforcementRule, Explanation, Fact, FactSet, Facts, FallbackText, Fit, MediaType, Mismatch, Profile,
    Reason,
};

use crate::commands::output::write_line;

/// All that is told.
#[derive(Serialize)]
pub struct Report {
    profile: String,
    /// No fact that is not known yet could change the profile. Until then nothing is enforced.
    certain: bool,
    select: Vec<CaseReport>,
    default: String,
    receives: Vec<Entry>,
    sent: Vec<Sent>,
    enforce: Vec<Rule>,
    otherwise: &'static str,
    texts: Vec<Text>,
}

/// A case of `select`.
#[derive(Serialize)]
struct CaseReport {
    at: String,
    profile: String,
    fit: String,
    /// It is the one that holds.
    holds: bool,
}

#[derive(Serialize)]
struct Entry {
    class: &'static str,
    conversation: &'static str,
    r#type: String,
    max_size: Option<u64>,
}

#[derive(Serialize)]
struct Sent {
    carrier: &'static str,
    /// Where it stands.
    place: &'static str,
    xml: String,
}

#[derive(Serialize)]
struct Rule {
    class: Option<&'static str>,
    conversation: Option<&'static str>,
    r#type: Option<String>,
    because: Option<&'static str>,
    then: &'static str,
}

#[derive(Serialize)]
struct Text {
    language: String,
    class: &'static str,
    text: String,
}

impl Report {
    pub fn new(policy: &ContentTypesPolicy, facts: &Facts) -> Self {
        let explanation = policy.selection.explain(facts);
        let profile = &policy.profiles[explanation.selected.profile];
        Self {
            profile: profile.name.clone(),
            certain: explanation.selected.certain,
            select: cases(policy, &explanation),
            default: policy.profiles[policy.selection.default].name.clone(),
            receives: profile.content_types.iter().map(Entry::of).collect(),
            sent: Carrier::ALL.into_iter().filter_map(|carrier| Sent::by(carrier, policy, profile)).collect(),
            enforce: policy.enforcement.rules.iter().map(Rule::of).collect(),
            otherwise: policy.enforcement.otherwise.name(),
            texts: policy.enforcement.texts.iter().map(Text::of).collect(),
        }
    }

    /// For people.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        self.write_selection(output)?;
        writeln!(output, "\nThe client can receive")?;
        for Entry { class, conversation, r#type, max_size } in &self.receives {
            let size = max_size.map(|bytes| format!("up to {bytes} bytes")).unwrap_or_default();
            let line = format!("  {class:<10}  {conversation:<10}  {type:<30}  {size}");
            write_line(output, line.trim_end())?;
        }
        writeln!(output, "\nThe gatekeeper is told")?;
        if self.sent.is_empty() {
            writeln!(output, "  nothing, as the policy has no carriers")?;
        }
        for Sent { carrier, place, xml } in &self.sent {
            writeln!(output, "  {carrier}, {place}:")?;
            write_line(output, format_args!("    {xml}"))?;
        }
        self.write_enforcement(output)
    }

    fn write_selection(&self, output: &mut impl Write) -> io::Result<()> {
        let because = match self.select.iter().find(|case| case.holds) {
            Some(case) => format!("the rule at {} fits", case.at),
            None if self.select.is_empty() => "it is the default, and there are no rules".to_owned(),
            None => "it is the default, and no rule fits".to_owned(),
        };
        write_line(output, format_args!("The profile is {}: {because}", self.profile))?;
        if !self.certain {
            writeln!(output, "  It may become another one, and nothing is enforced until that is known")?;
        }
        for CaseReport { at, profile, fit, .. } in &self.select {
            write_line(output, format_args!("  {at:<7}  {profile}: {fit}"))?;
        }
        write_line(output, format_args!("  default  {}", self.default))
    }

    fn write_enforcement(&self, output: &mut impl Write) -> io::Result<()> {
        writeln!(output, "\nOf anything else that the gatekeeper sends")?;
        for rule in &self.enforce {
            let asked = [
                ("class", rule.class),
                ("conversation", rule.conversation),
                ("type", rule.r#type.as_deref()),
                ("because", rule.because),
            ];
            let asked: Vec<_> =
                asked.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?))).collect();
            let asked = if asked.is_empty() { "anything".to_owned() } else { asked.join(", ") };
            write_line(output, format_args!("  {asked}: {}", rule.then))?;
        }
        writeln!(output, "  otherwise: {}", self.otherwise)?;
        for Text { language, class, text } in &self.texts {
            write_line(output, format_args!("  text in {language} for {class}: {text}"))?;
        }
        Ok(())
    }
}

fn cases(policy: &ContentTypesPolicy, explanation: &Explanation) -> Vec<CaseReport> {
    let all = policy.selection.cases.iter().zip(&explanation.fits).enumerate();
    let report = |(position, (case, fit)): (usize, (&Case, &Fit))| CaseReport {
        at: case.at.to_string(),
        profile: policy.profiles[case.profile].name.clone(),
        fit: described(*fit),
        holds: explanation.case == Some(position),
    };
    all.map(report).collect()
}

fn described(fit: Fit) -> String {
    match fit {
        Fit::Yes => "it fits".to_owned(),
        Fit::Open(missing) => format!("it would fit by the right {}, not known yet", listed(missing)),
        Fit::No(mismatch) => format!("it does not fit: {}", reason(mismatch)),
    }
}

fn listed(missing: FactSet) -> String {
    let names = Fact::ALL.into_iter().filter(|fact| missing.contains(*fact)).map(Fact::name);
    names.collect::<Vec<_>>().join(" or ")
}

fn reason(mismatch: Mismatch) -> &'static str {
    match mismatch {
        Mismatch::Host => "it is for another host",
        Mismatch::ServerName => "it is for another server name",
        Mismatch::Software => "the client has other software",
        Mismatch::NoVersion => "the version is not told",
        Mismatch::Version => "it is for other versions",
    }
}

impl Entry {
    fn of(accept: &Accept) -> Self {
        Self {
            class: accept.class.name(),
            conversation: accept.conversation.name(),
            r#type: accept.media_type.to_text(),
            max_size: accept.max_size,
        }
    }
}

impl Sent {
    /// `None` if the policy does not have the carrier.
    fn by(carrier: Carrier, policy: &ContentTypesPolicy, profile: &Profile) -> Option<Self> {
        if !policy.carriers.contains(carrier) {
            return None;
        }
        let (content_types, dialect) = (&profile.content_types, &policy.dialect);
        let list = || Advertisement::new(content_types, &dialect.list).list().to_vec();
        let (place, xml) = match carrier {
            Carrier::Bind => ("inside its bind request", list()),
            Carrier::Presence => ("inside its available presence", list()),
            Carrier::Disco => {
                let words = dialect.disco.as_ref()?;
                (
                    "inside its service discovery",
                    DiscoAdvertisement::new(content_types, words).bytes().to_vec(),
                )
            }
        };
        Some(Self { carrier: carrier.name(), place, xml: String::from_utf8_lossy(&xml).into_owned() })
    }
}

impl Rule {
    fn of(rule: &EnforcementRule) -> Self {
        Self {
            class: rule.class.map(ContentClass::name),
            conversation: rule.conversation.map(Conversation::name),
            r#type: rule.media_type.as_ref().map(MediaType::to_text),
            because: rule.because.map(Reason::name),
            then: rule.action.name(),
        }
    }
}

impl Text {
    fn of(text: &FallbackText) -> Self {
        Self {
            language: text.language.clone(),
            class: text.class.map_or("any", ContentClass::name),
            text: text.text.clone(),
        }
    }
}
