"""Leaks: each lets something out that no policy allows, into one sink, as a mistake would.

A line is a name, what the tests must say of it, and what is replaced: files below src/, a text that stands there
exactly once, and what stands there instead.
"""

RULE = ("disclosure/policy.rs", "let rule = self.rule(S::NAME, event)?;")
PANIC = (
    "proxy/record.rs",
    "        observation.record(Value::EndReason(end_reason(summary.outcome).name()));\n    });",
    "        observation.record(Value::EndReason(end_reason(summary.outcome).name()));\n    });\n"
    '    assert!(!matches!(summary.outcome, Outcome::Failed(..)), "{:?}", connection.server_name);',
)


def rule_of_the_access_log(sink):
    """A sink is given what only the access log may have."""
    confused = f"if S::NAME == SinkName::{sink} {{ SinkName::Access }} else {{ S::NAME }}"
    return (*RULE, f"let rule = self.rule({confused}, event)?;")


LEAKS = [
    (
        "access: an account as it is",
        "the sink access holds",
        [
            (
                "disclosure/policy.rs",
                "(Action::Pseudonym, Datum::Text(text)) => pseudonym(text.as_bytes())?,",
                "(Action::Pseudonym, Datum::Text(text)) => DisclosedValue::Text(text.to_owned()),",
            )
        ],
    ),
    ("audit: the access log's rule", "the sink audit holds", [rule_of_the_access_log("Audit")]),
    ("diagnostics: the access log's rule", "the sink diagnostics holds", [rule_of_the_access_log("Diagnostics")]),
    (
        "diagnostics: a stanza that was printed",
        "the sink diagnostics holds",
        [
            (
                "relay/passing.rs",
                "match edit? {\n            None => ",
                'eprintln!("{:?}", frame.bytes);\n        match edit? {\n            None => ',
            )
        ],
    ),
    (
        "output: a stanza that was printed",
        "the sink output holds",
        [
            (
                "relay/passing.rs",
                "match edit? {\n            None => ",
                'print!("{}", frame.bytes.escape_ascii());\n        match edit? {\n            None => ',
            )
        ],
    ),
    (
        "metrics: a label that a client chose",
        "the sink metrics holds",
        [
            (
                "proxy/record.rs",
                "server.metrics.gate_refused(failed.side, refusal.kind.name());",
                "let name = connection.server_name.clone().unwrap_or_default();\n"
                "        server.metrics.gate_refused(failed.side, name.leak());",
            )
        ],
    ),
    (
        "admin: the page says what was asked for",
        "the sink status holds",
        [
            (
                "telemetry/admin/mod.rs",
                "async fn status(State(",
                "async fn status(uri: axum::http::Uri, State(",
            ),
            ("telemetry/admin/mod.rs", "let status = json!({", 'let status = json!({ "asked": uri.to_string(),'),
        ],
    ),
    (
        "errors: what was refused is quoted",
        "the sink errors holds",
        [
            (
                "relay/mod.rs",
                "self.fail(side, failure, now);\n                    taken = input.len();",
                "self.fail(side, failure, now);\n                    self.state.outboxes[side].push(input, now);\n"
                "                    taken = input.len();",
            )
        ],
    ),
    (
        "gatekeeper: the name that a client asked for",
        "the sink gatekeeper holds",
        [
            (
                "proxy/connection.rs",
                "Some(gatekeeper) => gatekeeper.connect().await,",
                """Some(gatekeeper) => {
                    let mut connected = gatekeeper.connect().await;
                    if let (Ok(stream), Some(name)) = (&mut connected, &connection.server_name) {
                        let _ = tokio::io::AsyncWriteExt::write_all(stream, name.as_bytes()).await;
                    }
                    connected
                }""",
            )
        ],
    ),
    (
        "panic: the payload is shown",
        "the sink diagnostics holds",
        [PANIC, ("main.rs", "commands::hide_panic_payloads();", "")],
    ),
    # The same panic leaks nothing: that it was there is all that is found, after everything was searched.
    ("panic: the payload is hidden", "a thread has panicked", [PANIC]),
    (
        "dump: the process may be dumped",
        "FAILED test_dumps.py::test_a_crash_leaves_no_core_dump",
        [
            (
                "commands/run.rs",
                'process::leave_no_dump().context("the system does not let the process forbid core dumps")?;',
                "",
            )
        ],
    ),
    (
        "dump: other processes may look into this one",
        "FAILED test_dumps.py::test_no_other_process_may_read_the_memory",
        [
            (
                "process.rs",
                "set_dumpable_behavior(DumpableBehavior::NotDumpable)?",
                "set_dumpable_behavior(DumpableBehavior::Dumpable)?",
            )
        ],
    ),
]
