//! The rules of ARCHITECTURE.md that can be read off the sources: who may know of whom, and what the pure parts do
//! without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::files;

/// Each part, and the parts that it may name. What stands further down may name what stands above, never the other way.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("crc32c", &[]),
    ("framing", &[]),
    ("html", &[]),
    ("http_server", &[]),
    ("policy", &[]),
    ("socket", &[]),
    ("systemd", &[]),
    ("stanza", &["framing"]),
    ("plain_stream", &["framing"]),
    ("content_types", &["framing", "policy", "stanza"]),
    ("limit", &["framing", "policy"]),
    ("disclosure", &["policy"]),
    ("process", &["disclosure"]),
    ("relay", &["content_types", "framing", "limit", "stanza"]),
    ("session", &["relay"]),
    ("downstream", &["crc32c", "framing", "plain_stream", "socket", "stanza"]),
    ("upstream", &["crc32c", "disclosure", "framing", "plain_stream", "socket", "stanza"]),
    ("telemetry", &["content_types", "disclosure", "html", "http_server", "limit", "relay", "upstream"]),
    (
        "config",
        &[
            "content_types",
            "disclosure",
            "downstream",
            "framing",
            "limit",
            "policy",
            "stanza",
            "telemetry",
            "upstream",
        ],
    ),
    (
        "proxy",
        &[
            "config",
            "content_types",
            "disclosure",
            "downstream",
            "framing",
            "limit",
            "process",
            "relay",
            "session",
            "socket",
            "stanza",
            "systemd",
            "telemetry",
            "upstream",
        ],
    ),
    // A gatekeeper and clients of their own, and the demonstration, which starts a whole proxy.
    (
        "sandbox",
        &[
            "config",
            "content_types",
            "downstream",
            "framing",
            "html",
            "http_server",
            "policy",
            "process",
            "proxy",
            "stanza",
            "telemetry",
        ],
    ),
];

/// Parts without a runtime, files, sockets, a clock, randomness or a log: values in, values out.
const PURE: [&str; 7] = ["content_types", "disclosure", "framing", "limit", "policy", "relay", "stanza"];

/// Files of other parts that are pure, too.
const PURE_FILES: [&str; 3] = ["src/upstream/answers.rs", "src/upstream/health.rs", "src/upstream/rank.rs"];

/// What would make a pure part impure.
const IMPURE: [&str; 16] = [
    "tokio",
    "rustls",
    "tracing",
    "std::fs",
    "std::env",
    "std::io::std",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    ".elapsed()",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "aws_lc_rs::rand",
];

struct Source {
    path: PathBuf,
    part: String,
    code: String,
}

/// Every source file without its comments and its tests.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    visit(Path::new("src"), &mut sources);
    assert!(sources.len() > 50, "the sources are read: {}", sources.len());
    sources
}

fn visit(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if ["tests", "testing"].iter().any(|stem| path.file_stem().unwrap() == *stem) {
            continue;
        }
        if path.is_dir() {
            visit(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let part = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
            let part = part.trim_end_matches(".rs").to_owned();
            let code = code(&fs::read_to_string(&path).unwrap());
            sources.push(Source { path, part, code });
        }
    }
}

fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    product.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The parts that `code` names by `crate::part`, `crate::{part, …}` included.
fn named(code: &str) -> Vec<String> {
    let first_word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_')
            .collect()
    };
    let mut parts = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let end = list.find("};").unwrap_or(list.len());
                parts.extend(list[..end].split(',').map(first_word));
            }
            None => parts.push(first_word(rest)),
        }
    }
    parts
}

#[test]
fn parts_name_only_the_parts_that_they_may() {
    let may_name: BTreeMap<_, _> = MAY_NAME.iter().copied().collect();
    for source in sources() {
        let Some(allowed) = may_name.get(source.part.as_str()) else { continue };
        for part in named(&source.code).iter().filter(|part| may_name.contains_key(part.as_str())) {
            let fine = *part == source.part || allowed.contains(&part.as_str());
            assert!(fine, "{} names crate::{part}", source.path.display());
        }
    }
}

#[test]
fn every_part_has_its_rule() {
    let mut parts: Vec<String> = sources().into_iter().map(|source| source.part).collect();
    parts.dedup();
    for part in parts {
        let known = ["lib", "main", "commands"].contains(&part.as_str());
        assert!(known || MAY_NAME.iter().any(|(name, _)| *name == part), "src/{part} has no rule");
    }
}

#[test]
fn the_rules_have_no_cycle() {
    let mut before = Vec::new();
    for (part, allowed) in MAY_NAME {
        for name in *allowed {
            assert!(before.contains(name), "{part} may name {name}, which does not stand above it");
        }
        before.push(part);
    }
}

#[test]
fn pure_parts_do_without_runtime_files_sockets_clock_randomness_and_log() {
    let sources = sources();
    let is_file = |source: &&Source| PURE_FILES.iter().any(|file| source.path == Path::new(file));
    assert_eq!(sources.iter().filter(is_file).count(), PURE_FILES.len());
    for source in sources.iter().filter(|source| PURE.contains(&source.part.as_str()) || is_file(source)) {
        for word in IMPURE {
            assert!(!source.code.contains(word), "{} contains {word}", source.path.display());
        }
    }
}

/// Where a word may stand: in files that begin with one of these.
fn stands_only_in(word: &str, places: &[&str]) {
    let mut found = false;
    for source in sources().iter().filter(|source| source.code.contains(word)) {
        let place = source.path.strip_prefix("src").unwrap().to_str().unwrap();
        assert!(places.iter().any(|allowed| place.starts_with(allowed)), "src/{place} contains {word}");
        found = true;
    }
    assert!(found, "{word} stands nowhere: the rule is out of date");
}

#[test]
fn tls_types_stay_behind_their_two_files() {
    stands_only_in("rustls::", &["downstream/tls.rs", "upstream/tls.rs", "sandbox/"]);
}

#[test]
fn the_lenient_parser_is_used_in_one_place() {
    stands_only_in("quick_xml", &["stanza/tree.rs", "sandbox/"]);
}

/// A `Frame` is made by the gate only. Whoever else parses bytes has no gate, and leads to no peer.
#[test]
fn the_lenient_parser_is_given_frames_only() {
    stands_only_in("Tree::parse(", &["sandbox/"]);
}

#[test]
fn only_diagnostics_write_to_the_log() {
    stands_only_in("tracing::", &["telemetry/diagnostics.rs", "commands/"]);
}

#[test]
fn only_the_composition_root_sees_the_whole_configuration() {
    stands_only_in("config::{Config,", &["proxy/"]);
    stands_only_in("config::Config;", &["proxy/"]);
}

/// The sandbox's gatekeeper speaks one of the dialects itself.
#[test]
fn what_a_dialect_says_stands_in_no_code() {
    let mut namespaces = BTreeSet::new();
    for path in files::yaml_files("policies/dialects") {
        let text = fs::read_to_string(path).unwrap();
        let said = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for line in said {
            let names = line.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
            let values = ["namespace: ", "feature_prefix: ", "form_type: "].map(|key| line.split_once(key));
            let values = values.into_iter().flatten().map(|(_, value)| value);
            namespaces.extend(names.chain(values).filter(|name| name.contains(':')).map(str::to_owned));
        }
    }
    // The namespace of stanzas is everybody's.
    namespaces.retain(|namespace| namespace != "jabber:client" && !namespace.contains(' '));
    assert!(namespaces.len() > 10, "the dialects are read: {namespaces:?}");
    for source in sources().iter().filter(|source| source.part != "sandbox") {
        for namespace in &namespaces {
            assert!(!source.code.contains(namespace), "{} contains {namespace}", source.path.display());
        }
    }
}

#[test]
fn there_is_no_unsafe_code_and_no_unfinished_code() {
    for source in sources() {
        for word in ["unsafe ", "todo!", "unimplemented!", "dbg!"] {
            assert!(!source.code.contains(word), "{} contains {word}", source.path.display());
        }
    }
}

#[test]
fn tls_libraries_are_built_without_their_logs() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    for library in ["rustls = ", "tokio-rustls = "] {
        let line = manifest.lines().find(|line| line.starts_with(library)).unwrap();
        assert!(line.contains("default-features = false") && !line.contains("logging"), "{line}");
    }
}

/// What peers said, or a secret, stands in these types. They show their kind and their length, by a `Debug` that is written by hand
/// or not at all.
const HOLD_WHAT_PEERS_SAID: [(&str, &str); 33] = [
    ("content_types", "DiscoInfo"),
    ("content_types", "Facts"),
    ("content_types", "Identifier"),
    ("content_types", "MediaType"),
    ("content_types", "Message"),
    ("content_types", "Question"),
    ("content_types", "Recipient"),
    ("disclosure", "Datum"),
    ("disclosure", "Disclosed"),
    ("disclosure", "DisclosedValue"),
    ("disclosure", "Observation"),
    ("disclosure", "Pseudonym"),
    ("disclosure", "PseudonymKeys"),
    ("disclosure", "SessionId"),
    ("disclosure", "Value"),
    ("downstream", "ProxyHeader"),
    ("downstream", "TicketKey"),
    ("downstream", "Tlv"),
    ("framing", "Decoded"),
    ("framing", "Frame"),
    ("framing", "FrameDecoder"),
    ("framing", "Scope"),
    ("plain_stream", "PlainStream"),
    ("process", "LockedKeys"),
    ("proxy", "Connection"),
    ("relay", "Outbox"),
    ("relay", "PassedStanza"),
    ("session", "Summary"),
    ("stanza", "Element"),
    ("stanza", "Jid"),
    ("stanza", "Mechanisms"),
    ("stanza", "StreamHeader"),
    ("stanza", "Tree"),
];

#[test]
fn what_peers_said_is_neither_shown_nor_serialised() {
    let sources = sources();
    for (part, name) in HOLD_WHAT_PEERS_SAID {
        let code = sources.iter().filter(|source| source.part == part).map(|source| source.code.as_str());
        let found: Vec<&str> = code.flat_map(|code| derived(code, name)).collect();
        assert!(!found.is_empty(), "{part} has no type {name}: the rule is out of date");
        for word in ["Debug", "Serialize", "Error"] {
            assert!(!found.concat().contains(word), "{name} derives {word}");
        }
        let display = format!("Display for {name}");
        assert!(sources.iter().all(|source| !source.code.contains(&display)), "{name} can be displayed");
    }
}

/// The attributes of each type of this name in `code`.
fn derived<'c>(code: &'c str, name: &str) -> Vec<&'c str> {
    let declarations = ["struct ", "enum "].map(|kind| format!("{kind}{name}"));
    let places = declarations.iter().flat_map(|declaration| code.match_indices(declaration.as_str()));
    let whole = |place: &(usize, &str)| !code[place.0 + place.1.len()..].starts_with(char::is_alphanumeric);
    let before = |(at, _): (usize, &str)| {
        let start = code[..at].rfind(['}', ';']).map_or(0, |end| end + 1);
        &code[start..at]
    };
    places.filter(whole).map(before).collect()
}

#[test]
fn standard_output_and_error_are_written_to_in_few_places() {
    for source in sources() {
        for word in ["print!(", "println!("] {
            assert!(!source.code.contains(word), "{} contains {word}", source.path.display());
        }
    }
    stands_only_in("stdout()", &["commands/", "telemetry/access_log/"]);
    stands_only_in("stderr()", &["commands/", "main.rs"]);
}

#[test]
fn only_the_logs_write_files() {
    // The demonstration has a folder of its own; the sandbox makes keys and certificates.
    let places =
        ["telemetry/log_folder/", "telemetry/audit_log/hold.rs", "sandbox/demo/", "sandbox/files.rs"];
    for word in ["OpenOptions", "File::options", "fs::write", "fs::rename"] {
        stands_only_in(word, &places);
    }
    for word in ["File::create", "fs::copy", "fs::hard_link"] {
        stands_in_none(word);
    }
}

#[test]
fn only_those_who_speak_with_peers_and_operators_have_sockets() {
    let talk = [
        "downstream/",
        "upstream/",
        "http_server/",
        "socket.rs",
        "proxy/",
        "telemetry/admin/",
        "sandbox/",
        "commands/healthcheck.rs",
    ];
    stands_only_in("TcpStream", &talk);
    // The service manager hands sockets over.
    stands_only_in("TcpListener", &[&talk[..], &["systemd/sockets.rs"]].concat());
    // systemd's journal is spoken to by datagrams.
    stands_only_in("UnixDatagram", &["telemetry/access_log/journald.rs"]);
    for word in ["UdpSocket", "UnixStream", "UnixListener"] {
        stands_in_none(word);
    }
}

#[test]
fn no_other_program_is_started_and_nothing_is_leaked() {
    for word in ["process::Command", "::leak(", ".leak()", "Backtrace", "type_name_of_val"] {
        stands_in_none(word);
    }
}

#[test]
fn metadata_has_one_way_into_the_sinks() {
    stands_only_in("Disclosed::new(", &["disclosure/"]);
    stands_only_in("disclosed.fields()", &["telemetry/"]);
    stands_only_in("told.fields()", &["upstream/signals.rs"]);
    stands_only_in("Disclosed<Gatekeeper>", &["proxy/", "upstream/signals.rs"]);
    stands_only_in(".disclose::<", &["proxy/metadata/"]);
    // The sink can be inferred, and a method can be called as a function.
    stands_only_in(".disclose(", &["disclosure/"]);
    for word in ["::disclose(", "::disclose::<"] {
        stands_in_none(word);
    }
    stands_only_in("Value::Account(", &["proxy/record.rs", "disclosure/"]);
    stands_only_in("with_label_values(", &["telemetry/metrics/"]);
    stands_only_in("prometheus::", &["telemetry/metrics/"]);
}

/// What peers sent goes on as bytes: it becomes text only where a part of it is taken out.
#[test]
fn the_bytes_of_streams_are_not_turned_into_text() {
    for word in ["from_utf8_lossy", "escape_ascii", "escape_debug"] {
        let passing = |source: &Source| ["proxy", "relay", "session"].contains(&source.part.as_str());
        for source in sources().iter().filter(|source| passing(source)) {
            assert!(!source.code.contains(word), "{} contains {word}", source.path.display());
        }
    }
}

fn stands_in_none(word: &str) {
    for source in sources() {
        assert!(!source.code.contains(word), "{} contains {word}", source.path.display());
    }
}
