use proptest::prelude::*;

use super::*;
use crate::content_types::{ContentTypesDocument, ContentTypesFile, Version};
use crate::policy::{self, Problem};

const PROFILES: &str = "dialect: d
profiles:
  default: { accept: [{ class: text, type: text/plain }] }
  old: { extends: default }
  new: { extends: default }
  other: { extends: default }
default: default
software:
  app:
    user_agent: ['App {version}*', 'App']
    node: ['https://app.example/{version}']
  terminal:
    resource: ['terminal.*']
";

fn selection(select: &str) -> ContentTypesFile {
    let text = format!("{PROFILES}select: {select}\n");
    policy::load::<ContentTypesDocument>(&text)
        .unwrap_or_else(|problems| panic!("{}", lines(&problems)))
        .value
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// Everything that a client could say, it has said: nothing.
fn silent() -> Facts {
    let none = || Some(String::new());
    Facts {
        host: "gatekeeper.example".into(),
        server_name: Some("interop.provider.example".into()),
        user_agent: none(),
        node: none(),
        resource: none(),
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// The selected profile's name, and whether it is certain.
fn selected(file: &ContentTypesFile, facts: &Facts) -> (String, bool) {
    let Selected { profile, certain } = file.selection.select(facts);
    (file.profiles[profile].name.clone(), certain)
}

const BY_SOFTWARE: &str = "
  - { software: app, version: { below: '2.10' }, profile: old }
  - { software: app, profile: new }
  - { software: terminal, profile: other }";

#[test]
fn the_first_case_that_fits_holds_and_otherwise_the_default() {
    let file = selection(BY_SOFTWARE);
    for (facts, profile) in [
        (Facts { user_agent: text("App 2.9.3 (Linux)"), ..silent() }, "old"),
        (Facts { user_agent: text("App 2.10"), ..silent() }, "new"),
        (Facts { user_agent: text("App 2.10-beta"), ..silent() }, "old"),
        (Facts { user_agent: text("App"), ..silent() }, "new"),
        (Facts { node: text("https://app.example/1.0"), ..silent() }, "old"),
        (Facts { node: text("https://app.example/1.0/"), ..silent() }, "default"),
        (Facts { resource: text("terminal.7f3a"), ..silent() }, "other"),
        (Facts { user_agent: text("App 3"), resource: text("terminal.7f3a"), ..silent() }, "new"),
        (Facts { user_agent: text("Other 1"), ..silent() }, "default"),
        (silent(), "default"),
    ] {
        let shown = (&facts.user_agent, &facts.node, &facts.resource);
        assert_eq!(selected(&file, &facts), (profile.to_owned(), true), "{shown:?}");
    }
}

#[test]
fn a_missing_fact_leaves_open_what_it_could_change() {
    let file = selection(BY_SOFTWARE);
    for (facts, expected) in [
        // Nothing is known: it could still be anything.
        (Facts { user_agent: None, node: None, resource: None, ..silent() }, ("default", false)),
        (Facts { resource: None, ..silent() }, ("default", false)),
        // The first case could only still fit by the node's version.
        (Facts { user_agent: text("App 3"), node: None, ..silent() }, ("new", false)),
        (Facts { user_agent: text("App 2"), node: None, resource: None, ..silent() }, ("old", true)),
        // A later case has no say.
        (Facts { user_agent: text("App 3"), resource: None, ..silent() }, ("new", true)),
    ] {
        let (profile, certain) = expected;
        assert_eq!(selected(&file, &facts), (profile.to_owned(), certain));
    }
    // What an open case would select is selected already.
    let file = selection("[{ software: app, profile: default }]");
    assert_eq!(selected(&file, &Facts { user_agent: None, ..silent() }), ("default".to_owned(), true));
}

#[test]
fn host_and_server_name_are_compared_without_case() {
    let file = selection(
        "[{ host: Other.example, profile: other }, { server_name: Interop.Provider.example, profile: new }]",
    );
    assert_eq!(selected(&file, &silent()), ("new".to_owned(), true));
    assert_eq!(
        selected(&file, &Facts { host: "other.example".into(), ..silent() }),
        ("other".to_owned(), true)
    );
    assert_eq!(selected(&file, &Facts { server_name: None, ..silent() }), ("default".to_owned(), true));
}

#[test]
fn an_explanation_says_of_each_case_why_it_does_not_fit() {
    let file = selection(
        "
  - { host: other.example, profile: old }
  - { server_name: other.example, profile: old }
  - { software: app, profile: new }
  - { software: app, version: { from: '3' }, profile: old }
  - { software: terminal, profile: other }
  - { server_name: interop.provider.example, profile: old }",
    );
    let open = FactSet { resource: true, ..FactSet::default() };
    let explain = |user_agent| {
        file.selection.explain(&Facts { user_agent: text(user_agent), resource: None, ..silent() })
    };
    let Explanation { selected, case, fits } = explain("App 2.9");
    assert_eq!((selected.profile, case), (2, Some(2)));
    let expected = [
        Fit::No(Mismatch::Host),
        Fit::No(Mismatch::ServerName),
        Fit::Yes,
        Fit::No(Mismatch::Version),
        Fit::Open(open),
        Fit::Yes,
    ];
    assert_eq!(fits, expected);
    assert_eq!(explain("App").fits[3], Fit::No(Mismatch::NoVersion));
    assert_eq!(explain("Ap").fits[2..4], [Fit::No(Mismatch::Software); 2]);
}

#[test]
fn only_what_a_case_looks_at_is_needed() {
    let needs = |select| selection(select).selection.needs();
    assert!(needs("[]").is_empty() && needs("[{ host: a.example, profile: new }]").is_empty());
    let all = needs(BY_SOFTWARE);
    assert!(Fact::ALL.into_iter().all(|fact| all.contains(fact)));
    assert_eq!(
        needs("[{ software: terminal, profile: new }]"),
        FactSet { resource: true, ..FactSet::default() }
    );
}

#[test]
fn a_fact_that_is_too_long_fits_nothing() {
    let file = selection("[{ software: terminal, profile: new }]");
    let of =
        |length: usize| Facts { resource: text(&format!("terminal.{}", "x".repeat(length - 9))), ..silent() };
    assert_eq!(selected(&file, &of(Facts::LONGEST)).0, "new");
    assert_eq!(selected(&file, &of(Facts::LONGEST + 1)), ("default".to_owned(), true));
}

#[test]
fn facts_show_nothing_of_what_a_client_says() {
    let facts = Facts { user_agent: text("App 2"), ..silent() };
    assert_eq!(format!("{facts:?}"), "Facts(of gatekeeper.example)");
    assert_eq!(format!("{:?}", Version::parse("2.10")), "Some(Version(2 numbers))");
}

/// What a client may say of one thing.
fn fact() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![
        any::<String>(),
        "App( [0-9.+-]{0,8})?.{0,3}",
        "https://app.example/[0-9.a-]{0,8}",
        "terminal\\..{0,4}",
    ])
}

fn facts() -> impl Strategy<Value = Facts> {
    (fact(), fact(), fact(), any::<bool>()).prop_map(|(user_agent, node, resource, named)| Facts {
        server_name: named.then(|| "interop.provider.example".to_owned()),
        user_agent,
        node,
        resource,
        ..silent()
    })
}

proptest! {
    #[test]
    fn what_is_certain_stays_whatever_is_learnt(known in facts(), learnt in facts()) {
        let file = selection(BY_SOFTWARE);
        let before = file.selection.select(&known);
        let after = file.selection.select(&Facts {
            user_agent: known.user_agent.or(learnt.user_agent),
            node: known.node.or(learnt.node),
            resource: known.resource.or(learnt.resource),
            ..known
        });
        if before.certain {
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn what_was_said_in_full_is_certain(facts in facts()) {
        let file = selection(BY_SOFTWARE);
        let said = |fact: Option<String>| fact.or(Some(String::new()));
        let facts = Facts {
            user_agent: said(facts.user_agent),
            node: said(facts.node),
            resource: said(facts.resource),
            ..facts
        };
        prop_assert!(file.selection.select(&facts).certain);
    }
}
