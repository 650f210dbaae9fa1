//! What the answers in the inputs are expected to be.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};
use yabby_wire::Expectation;

/// The text may begin inside a block of reasoning.
pub(crate) const IN_REASONING: u8 = 4;
/// The request offers tools.
pub(crate) const TOOLS: u8 = 8;

/// The tools of a request: one name is a single letter, so that it is found soon, and one tool has no schema.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let of_everything = json!({
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string"},
            "c": {"type": ["boolean", "null"]},
            "d": {"anyOf": [{"type": "number"}, {"type": "array"}]},
            "e": {"enum": ["x", 1, null]},
            "o": {"type": "object", "properties": {"a": {"const": true}}},
        },
        "required": ["a"],
    });
    let of_a_city = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}});
    BTreeMap::from([("f".to_owned(), of_everything), ("get_weather".to_owned(), of_a_city)])
});

/// The names of the tools.
pub(crate) const NAMES: [&str; 3] = ["f", "get_weather", "now"];

/// What to expect where there are no tools, or with [`TOOLS`] and [`IN_REASONING`] among the flags.
pub(crate) fn expectation(flags: u8) -> Expectation {
    let mut expect = Expectation {
        may_start_in_reasoning: flags & IN_REASONING != 0,
        ..Expectation::default()
    };
    if flags & TOOLS != 0 {
        expect.tools = NAMES.map(str::to_owned).to_vec();
        expect.schemas = SCHEMAS.clone();
    }
    expect
}
