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
                "relay/editing.rs",
                "let passes_unread = match side {",
                'eprintln!("{:?}", frame.bytes);\n        let passes_unread = match side {',
            )
        ],
    ),
    # The library for DNS writes names and addresses into the log, which only our own target is to reach.
    (
        "diagnostics: what libraries log",
        "the sink diagnostics holds",
        [
            (
                "commands/run.rs",
                ".with(Targets::new().with_target(diagnostics::TARGET, LevelFilter::from(level)))",
                ".with(LevelFilter::from(level))",
            )
        ],
    ),
    (
        "diagnostics: what a client said before TLS",
        "the sink diagnostics holds",
        [
            (
                "proxy/starttls.rs",
                "find: |to: &str| configuration.find_host(to),",
                'find: |to: &str| {\n            eprintln!("{to}");\n            configuration.find_host(to)\n        },',
            )
        ],
    ),
    (
        "output: a stanza that was printed",
        "the sink output holds",
        [
            (
                "relay/editing.rs",
                "let passes_unread = match side {",
                'print!("{}", frame.bytes.escape_ascii());\n        let passes_unread = match side {',
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
                "async fn answer_status(State(",
                "async fn answer_status(uri: axum::http::Uri, State(",
            ),
            (
                "telemetry/admin/mod.rs",
                "Html(status::page(&status))",
                'Html(format!("{}{uri}", status::page(&status)))',
            ),
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
                "let took = began.elapsed();",
                """let mut connected = connected;
                    if let (Ok(connected), Some(name)) = (&mut connected, &connection.server_name) {
                        let _ = tokio::io::AsyncWriteExt::write_all(&mut connected.stream, name.as_bytes()).await;
                    }
                    let took = began.elapsed();""",
            )
        ],
    ),
    (
        "gatekeeper: what a client says of its own connection",
        "the sink gatekeeper holds",
        [("relay/signals.rs", "removal.remove_namespace(frame.bytes, &tree, own);", "")],
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
