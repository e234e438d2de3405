use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::*;

/// A document with one of everything.
#[derive(Deserialize, JsonSchema)]
struct Sample {
    name: HostName,
    #[serde(default)]
    size: Option<ByteSize>,
    #[serde(default)]
    wait: Option<Period>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 8))]
    workers: Option<u8>,
    #[serde(default)]
    #[schemars(range(min = 1))]
    connections: Option<u32>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 2))]
    addresses: Option<Vec<SocketAddress>>,
    #[serde(default)]
    rooms: BTreeMap<Located<String>, Room>,
    #[serde(default)]
    #[schemars(length(max = 1))]
    sizes: Vec<ByteSize>,
    #[serde(default)]
    even: Option<Even>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Off,
    /// Described, so that the schema tells the words one by one.
    VeryFast,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    Stdout,
    File(String),
}

#[derive(Deserialize, JsonSchema)]
struct Room {
    #[serde(default)]
    leads_to: Option<Located<String>>,
    #[serde(default)]
    height: Option<Located<u32>>,
}

#[derive(Debug, thiserror::Error)]
enum SampleError {
    #[error("a room should be higher than nothing")]
    NoHeight,
    #[error("the room leads nowhere")]
    LeadsNowhere,
}

/// Refuses what its schema allows.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
#[schemars(with = "u32")]
struct Even;

impl TryFrom<u32> for Even {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self) } else { Err("odd") }
    }
}

impl PolicyDocument for Sample {
    type Value = Sample;
    const KIND: &'static str = "sample";
    const PLANNED: &'static [Planned] = &[
        Planned::key("doors"),
        Planned::key("rooms.*.windows"),
        Planned::value("mode", "furious"),
        Planned::key("addresses.2"),
    ];

    fn build(self, warnings: &mut Vec<Problem>) -> Result<Sample, Vec<Problem>> {
        let names = || self.rooms.keys().map(|name| name.value.as_str());
        let mut problems = Vec::new();
        for (name, room) in &self.rooms {
            match &room.leads_to {
                Some(to) if !names().any(|name| name == to.value) => {
                    problems.push(Problem::unknown_reference(to.at, &to.value, "room", names()));
                }
                Some(_) => {}
                None => warnings.push(Problem::invalid(name.at, &SampleError::LeadsNowhere)),
            }
            if let Some(Located { value: 0, at }) = room.height {
                problems.push(Problem::invalid(at, &SampleError::NoHeight));
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }
}

/// The problems of a text, one a line.
fn problems(text: &str) -> String {
    match load::<Sample>(text) {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn a_right_document_is_loaded_with_its_values() {
    let text = "name: Chat.EXAMPLE\nsize: 256 KiB\nwait: 15min\nmode: off\ntarget: { file: a.log }\nworkers: 8\n\
                connections: 4294967295\nsizes: [10]\naddresses: ['[::1]:80', 127.0.0.1:443]\nrooms: { hall: { leads_to: hall } }\neven: 4\n";
    let sample = load::<Sample>(text).unwrap().value;
    assert_eq!(sample.name.as_str(), "chat.example");
    assert_eq!(sample.size, Some(ByteSize::new(262_144)));
    assert_eq!(sample.wait, Some(Period::new(Duration::from_secs(900))));
    assert!(matches!(sample.mode, Some(Mode::Off)));
    assert!(matches!(sample.target, Some(Target::File(path)) if path == "a.log"));
    assert_eq!((sample.workers, sample.connections), (Some(8), Some(4_294_967_295)));
    assert_eq!(sample.sizes, [ByteSize::new(10)]);
    assert_eq!(sample.addresses.map(|addresses| addresses.len()), Some(2));
    assert!(sample.even.is_some());
}

#[test]
fn a_warning_does_not_keep_a_document_from_being_loaded() {
    let loaded = load::<Sample>("name: a.example\nrooms: { hall: {} }\n").unwrap();
    assert_eq!(loaded.warnings[0].to_string(), "2:10: the room leads nowhere");
}

#[test]
fn every_problem_of_a_text_is_reported_in_one_run() {
    let text = "\
nam: chat.example
size: 256 Kib
wait: 10
mode: of
target: { fil: a.log }
workers: 9
connections: 4294967296
addresses: []
addresses: []
rooms:
  hall:
    leads_to: kichen
    window: 2
  kitchen: { leads_to: hall }
even: 3.5
";
    insta::assert_snapshot!(problems(text), @r"
    1:1: unknown key; did you mean `name`?
    2:7: a size such as `262144`, `256 KiB` or `2 MiB` should stand here
    3:7: a length of time such as `500ms`, `10s`, `15min`, `2h` or `7d` should stand here
    4:7: unknown value; did you mean `off`?
    5:11: unknown key; did you mean `file`?
    6:10: the number is out of range; right is 1 to 8
    7:14: the number is out of range; right is 1 to 4294967295
    8:12: too few items; at least 1 should stand here
    9:1: the key stands already at 8:1; a key may be given only once
    13:5: unknown key; right would be `height` or `leads_to`
    15:7: a whole number should stand here
    ");
}

#[test]
fn what_the_document_means_is_checked_in_spite_of_what_is_wrong_with_optional_keys() {
    let text = "\
name: a.example
name: b.example
mode: furious
size: large
rooms: { hall: { leads_to: hal, lead: 1 } }
addresses: [here]
";
    insta::assert_snapshot!(problems(text), @r"
    2:1: the key stands already at 1:1; a key may be given only once
    3:7: not supported yet
    4:7: a size such as `262144`, `256 KiB` or `2 MiB` should stand here
    5:28: there is no room of this name; did you mean `hall`?
    5:33: unknown key; right would be `height` or `leads_to`
    6:13: a numeric address with a port, such as `0.0.0.0:5223` or `[::]:5223`, should stand here
    ");
}

#[test]
fn nothing_is_said_of_a_meaning_that_a_wrong_part_would_change() {
    // Without the kitchen, nothing would have the name that the hall leads to.
    let text = "name: a.example\nrooms: { hall: { leads_to: kitchen }, kitchen: 1 }\n";
    insta::assert_snapshot!(problems(text), @r"2:48: a mapping of keys to values should stand here");
}

#[test]
fn what_is_planned_is_not_supported_yet_in_whatever_form() {
    let text = "\
name: a.example
mode: furious
doors: { anything: [at, all] }
addresses: [127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4]
rooms: { hall: { windows: 1 } }
";
    insta::assert_snapshot!(problems(text), @r"
    2:7: not supported yet
    3:1: not supported yet
    4:39: not supported yet
    5:18: not supported yet
    ");
}

#[test]
fn a_text_that_is_not_yaml_is_a_problem_with_a_place() {
    insta::assert_snapshot!(problems("name: a.example\n  size: [1\n"), @r"2:7: this is not YAML that can be read from here on");
    insta::assert_snapshot!(problems("name: a.example\n---\nname: b.example\n"), @r"3:1: a file holds one YAML document, here a second one begins");
    insta::assert_snapshot!(problems(""), @r"1:1: a mapping of keys to values should stand here");
    insta::assert_snapshot!(problems("- name\n"), @r"1:1: a mapping of keys to values should stand here");
}

#[test]
fn a_value_that_its_type_refuses_is_a_problem_with_a_place() {
    insta::assert_snapshot!(problems("name: a.example\neven: 3\n"), @r"2:7: this value cannot be read");
}

#[test]
fn values_of_other_types_are_told_what_would_be_right() {
    let text =
        "name: [a]\nsize: 1.5\nwait: true\nmode: { off: 1 }\ntarget: [stdout]\nworkers: many\nrooms: hall\n";
    insta::assert_snapshot!(problems(text), @r"
    1:7: a domain name such as `chat.example` should stand here
    2:7: a size such as `262144`, `256 KiB` or `2 MiB` should stand here
    3:7: a length of time such as `500ms`, `10s`, `15min`, `2h` or `7d` should stand here
    4:7: `off` or `very-fast` should stand here
    5:9: `stdout` or a mapping of keys to values should stand here
    6:10: a whole number should stand here
    7:8: a mapping of keys to values should stand here
    ");
}

#[test]
fn merge_keys_do_not_bring_keys_in_unseen() {
    insta::assert_snapshot!(problems("name: a.example\nrooms: { hall: &r { leads_to: hall }, b: { <<: *r } }\n"), @r"2:44: unknown key; right would be `height` or `leads_to`");
}

#[test]
fn no_problem_quotes_the_text() {
    const SECRET: &str = "hunter2";
    let texts = [
        "name: hunter2!",
        "hunter2: 1",
        "name: {hunter2: 1}",
        "name: a\nmode: hunter2",
        "name: a\nsize: hunter2",
        "name: 'hunter2",
        "name: a\nrooms: {b: {leads_to: hunter2}}",
        "name: a\nhunter2: 1\nhunter2: 2",
        "*hunter2",
        "name: a\ntarget: hunter2",
        "name: !hunter2 a",
        "hunter2",
    ];
    for text in texts {
        let problems = problems(text);
        assert_ne!(problems, "no problem", "{text}");
        assert!(!problems.contains(SECRET), "{problems}");
    }
}

#[test]
fn sizes_and_periods_have_units() {
    assert_eq!(ByteSize::parse("2 MiB"), Ok(ByteSize::new(2 << 20)));
    assert_eq!(ByteSize::parse("2MiB"), Ok(ByteSize::new(2 << 20)));
    assert_eq!(ByteSize::parse("10000"), Ok(ByteSize::new(10_000)));
    assert_eq!(Period::parse("7d"), Ok(Period::new(Duration::from_secs(7 * 86_400))));
    assert_eq!(Period::parse("500ms"), Ok(Period::new(Duration::from_millis(500))));
    for wrong in ["", "KiB", "1 MB", "-1", "1  KiB", "18446744073709551615 KiB", "1.5 MiB"] {
        assert!(ByteSize::parse(wrong).is_err(), "{wrong}");
    }
    for wrong in ["", "10", "10 seconds", "99999999999999999d"] {
        assert!(Period::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn moments_have_an_offset_and_a_year_that_can_be_written() {
    for (text, shown) in [
        ("2026-12-01T12:00:00Z", "2026-12-01T12:00:00Z"),
        ("2026-12-01T13:00:00+01:00", "2026-12-01T12:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(Moment::parse(text).unwrap().to_string(), shown);
    }
    for text in [
        "2026-12-01T12:00:00",
        "2026-12-01",
        "2026-02-30T12:00:00Z",
        "tomorrow",
        "",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ] {
        assert!(Moment::parse(text).is_err(), "{text}");
    }
}

#[test]
fn host_names_are_domains_and_not_addresses() {
    assert_eq!(HostName::parse("A-1.Example").unwrap().as_str(), "a-1.example");
    let long = "a.".repeat(127) + "a";
    for wrong in ["", ".", "a..b", "-a.b", "a-.b", "a_b", "192.0.2.1", "é.example", "a.example.", &long] {
        assert!(HostName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_server_is_reached_by_name_or_address_and_port() {
    let parsed = |text| ServerAddress::parse(text).map(|address| (address.host, address.port));
    assert_eq!(parsed("Chat.example:5223"), Ok(("chat.example".to_owned(), 5223)));
    assert_eq!(parsed("192.0.2.1:1"), Ok(("192.0.2.1".to_owned(), 1)));
    assert_eq!(parsed("[2001:DB8::1]:65535"), Ok(("2001:db8::1".to_owned(), 65_535)));
    for wrong in
        ["chat.example", "chat.example:0", "chat.example:65536", "2001:db8::1:5223", "[chat]:1", ":1"]
    {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_network_is_written_with_its_length_or_as_one_address() {
    let parsed = |text| Network::parse(text).map(|network| network.0.to_string());
    assert_eq!(parsed("192.0.2.0/24").as_deref(), Ok("192.0.2.0/24"));
    assert_eq!(parsed("2001:db8::/32").as_deref(), Ok("2001:db8::/32"));
    assert_eq!(parsed("192.0.2.1").as_deref(), Ok("192.0.2.1/32"));
    assert_eq!(parsed("2001:db8::1").as_deref(), Ok("2001:db8::1/128"));
    for wrong in [
        "",
        "192.0.2.0/33",
        "192.0.2",
        "192.0.2.1:5223",
        "[2001:db8::1]",
        "balancer.example",
        "2001:db8::/129",
    ] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
}

/// Each kind of problem with a text that has it. The `match` that comes of the list is exhaustive, so that a new kind
/// without a text does not compile.
macro_rules! texts {
    ($($cause:pat => $text:literal,)*) => {
        #[test]
        fn every_kind_of_problem_is_found() {
            $(
                let problems = load::<Sample>($text).err().unwrap_or_default();
                assert!(problems.iter().any(|problem| matches!(problem.cause, $cause)), "{}", $text);
                problems.iter().for_each(|problem| every_cause_has_a_text(&problem.cause));
            )*
        }

        fn every_cause_has_a_text(cause: &Cause) {
            match cause { $($cause => {})* }
        }
    };
}

texts! {
    Cause::Syntax => "name: [",
    Cause::Tab => "name: a\nrooms:\n\thall: {}",
    Cause::SecondDocument => "name: a\n---\nname: a",
    Cause::UnknownKey { .. } => "name: a\nnames: a",
    Cause::DuplicateKey { .. } => "name: a\nname: a",
    Cause::MissingKey { .. } => "{}",
    Cause::NoChoice { .. } => "name: a\ntarget: {}",
    Cause::WrongType { .. } => "name: 1",
    Cause::UnknownValue { .. } => "name: a\nmode: fast",
    Cause::BadFormat { .. } => "name: a\nsize: big",
    Cause::OutOfRange { .. } => "name: a\nworkers: 0",
    Cause::TooFewItems { .. } => "name: a\naddresses: []",
    Cause::TooManyItems { .. } => "name: a\nsizes: [1, 2]",
    Cause::UnknownReference { .. } => "name: a\nrooms: { hall: { leads_to: kitchen } }",
    Cause::NotSupportedYet => "name: a\ndoors: 1",
    Cause::Unreadable => "name: a\neven: 3",
    Cause::Invalid { .. } => "name: a\nrooms: { hall: { leads_to: hall, height: 0 } }",
}

#[test]
fn the_check_knows_every_keyword_of_a_schema() {
    assert_eq!(unchecked_keywords(&schema::<Sample>()), Vec::<String>::new());
}

/// A version that looks like a number would lose its zero.
#[test]
fn what_looks_like_a_number_in_the_place_of_a_text_is_asked_for_in_quotes() {
    for value in ["2.10", "2", "true"] {
        let text = format!("name: a\nrooms: {{ hall: {{ leads_to: {value} }} }}");
        assert_eq!(problems(&text), "2:28: a text in quotes should stand here");
    }
    assert_eq!(problems("name: a\nrooms: { hall: { leads_to: [a] } }"), "2:28: a text should stand here");
}

#[test]
fn all_that_may_stand_in_a_place_is_told_of_an_empty_mapping() {
    let told = "2:9: nothing is chosen here; right would be `stdout` or `file`";
    assert_eq!(problems("name: a\ntarget: {}"), told);
}

#[test]
fn a_mapping_that_may_stand_in_the_place_of_a_word_is_told() {
    let told = "2:9: unknown value; right would be `stdout` or `{ file: … }`";
    assert_eq!(problems("name: a\ntarget: syslog"), told);
}

#[test]
fn a_tab_in_the_indentation_is_told_where_it_stands() {
    let told = "3:1: a tab stands in the indentation; YAML takes spaces only there";
    assert_eq!(problems("name: a\nrooms:\n\thall: { leads_to: hall }\n"), told);
    let told = "4:3: a tab stands in the indentation; YAML takes spaces only there";
    assert_eq!(problems("name: a\nrooms:\n  hall:\n  \tleads_to: hall\n"), told);
}

#[test]
fn a_name_that_is_far_from_all_others_has_no_nearest() {
    assert_eq!(nearest::nearest("ServerName", ["server_names", "name"]), Some("server_names"));
    assert_eq!(nearest::nearest("colour", ["server_names", "name"]), None);
}

/// The keywords of a kind's schema that the check does not look at, although they restrict what is right.
pub(crate) fn unchecked_keywords(schema: &Schema) -> Vec<String> {
    const CHECKED: [&str; 15] = [
        "$ref",
        "anyOf",
        "oneOf",
        "type",
        "enum",
        "const",
        "format",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "required",
        "additionalProperties",
    ];
    const DESCRIBING: [&str; 5] = ["$schema", "$defs", "title", "description", "default"];
    /// Rust's integer types have formats of their own.
    const FORMATS_OF_NUMBERS: [&str; 5] = ["uint8", "uint16", "uint32", "uint64", "uint"];

    let mut unchecked = Vec::new();
    let mut collect = |schema: &mut Schema| {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let known = [&CHECKED[..], &DESCRIBING].concat().contains(&keyword.as_str());
            let format_known = keyword != "format"
                || format::FORMATS.iter().any(|format| value == format.name)
                || FORMATS_OF_NUMBERS.iter().any(|format| value == format);
            if !known || !format_known {
                unchecked.push(format!("{keyword}: {value}"));
            }
        }
    };
    RecursiveTransform(|schema: &mut Schema| collect(schema)).transform(&mut schema.clone());
    unchecked
}
