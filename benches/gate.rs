//! How fast the gate is on chat-sized stanzas and on large bodies, beside a parser that is not strict.

#[path = "instructions/inputs.rs"]
mod inputs;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::events::Event;

use inputs::{LIMITS, chat, cyrillic, decoder, gate, japanese, long_message, roster};

/// Counts the attributes that quick-xml reads, with its own check for repeated names.
fn quick_xml(input: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(input);
    let mut attributes = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                attributes += tag.attributes().filter(|attribute| black_box(attribute).is_ok()).count();
            }
            Ok(Event::Eof) | Err(_) => return attributes,
            Ok(event) => drop(black_box(event)),
        }
    }
}

fn benches(criterion: &mut Criterion) {
    let inputs = [
        ("chat-320", (0..64).map(chat).collect::<String>()),
        ("body-14k", long_message().repeat(8)),
        ("cyrillic", cyrillic().repeat(32)),
        ("japanese", japanese().repeat(32)),
        ("roster", roster().repeat(16)),
    ];
    for (name, input) in inputs {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(input.len() as u64));
        let mut decoder = decoder(LIMITS);
        group.bench_function("gate", |bencher| {
            bencher.iter(|| gate(&mut decoder, black_box(input.as_bytes())))
        });
        group.bench_function("quick-xml", |bencher| bencher.iter(|| quick_xml(black_box(&input))));
        group.finish();
    }
}

criterion_group!(gate_benches, benches);
criterion_main!(gate_benches);
