//! Every recording decodes to what a reader of it would say.

use std::fmt::Write;

use yabby_core::ModelEvent;

use crate::fixtures::{self, Fixture};

fn render(fixture: &Fixture) -> String {
    let (events, error) = fixture.outcome([fixture.body.as_slice()]);
    let mut out = format!(
        "== {} ({}, HTTP {})\n",
        fixture.name,
        fixture.dialect.name(),
        fixture.status
    );
    for event in events {
        match event {
            ModelEvent::ToolCall(call) => {
                let arguments = serde_json::Value::Object(call.arguments);
                writeln!(out, "ToolCall {} {} {arguments}", call.id, call.name).unwrap();
            }
            ModelEvent::MalformedCall(call) => {
                writeln!(
                    out,
                    "MalformedCall {} {} {}: {}",
                    call.id, call.name, call.arguments, call.problem
                )
                .unwrap();
            }
            ModelEvent::Usage(usage) => {
                write!(
                    out,
                    "Usage input {:?} cached {:?} output {:?} reasoning {:?}",
                    usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens
                )
                .unwrap();
                let cost = usage.cost.map_or_else(String::new, |cost| format!(" cost {cost}"));
                writeln!(out, "{cost}").unwrap();
            }
            ModelEvent::Opaque(data) => writeln!(out, "Opaque {data}").unwrap(),
            event => writeln!(out, "{event:?}").unwrap(),
        }
    }
    if let Some(error) = error {
        writeln!(out, "error {:?}: {}", error.kind, error.message).unwrap();
        let numbers = error.details.numbers;
        if numbers != yabby_core::Numbers::default() {
            writeln!(out, "  prompt {:?} window {:?}", numbers.prompt_tokens, numbers.window).unwrap();
        }
        if let Some(field) = error.details.field {
            writeln!(out, "  field {field}").unwrap();
        }
    }
    out
}

#[test]
fn recordings() {
    for folder in fixtures::FOLDERS {
        let rendered: Vec<String> = fixtures::folder(folder).iter().map(render).collect();
        insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(folder, rendered.join("\n"));
        });
    }
}
