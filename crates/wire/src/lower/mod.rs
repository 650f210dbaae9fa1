//! JSON Schemas in the subset that all local servers take.
//!
//! llama.cpp compiles the tools of a request into one grammar, so that one schema which it cannot compile fails
//! every request (`ggml-org/llama.cpp#25746`, `#25895`); LM Studio and Ollama run on it, vLLM's compiler objects to
//! other things (recordings `chat_bad_schema`: 400 `unrecognized type nonsense`, 400 `Invalid type: nonsense`).
//! Lowering only loosens: what it leaves out is for the caller to check against the original, with two things to
//! make good. A property that may be null is no longer required, and a value that may be null is never null.
//!
//! | left out or reshaped | why |
//! |---|---|
//! | `pattern`, `format` | nested patterns and classes such as `\d` do not compile (`#25895`, `#22314`) |
//! | lengths and counts from 2000 | `number of repetitions exceeds sane defaults` (`#25746`, `#27859`) |
//! | `$ref` other than `#/…` | llama.cpp: `Unsupported ref` |
//! | unions with null, `type` lists | LM Studio's and Ollama's tool parsers want one `type` |
//! | properties beside `anyOf` | llama.cpp compiles the `anyOf` and forgets the rest |
//! | `{}` | llama.cpp compiles it as an object; written as a union of all types |
//! | everything else that is not in [`SUBSET`] | ignored at best |

mod bare;
mod flat;
mod keywords;
mod write;

use serde_json::{Map, Value};

pub(crate) use bare::bare_parameters;
pub(crate) use keywords::without;

/// The only keywords that a lowered schema has.
pub const SUBSET: [&str; 14] = [
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "anyOf",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
];

/// The deepest level, counted from the root as 0. Only the union of all types has branches there.
const DEEPEST: usize = 8;

/// How many schemas are looked into; definitions that use each other many times would grow without end.
const MOST_SCHEMAS: usize = 4096;

/// Lowers the schema of a tool's parameters: the result is an object with `properties`.
pub fn lower_parameters(schema: &Value) -> Value {
    let mut lowering = Lowering::new(schema);
    let mut flat = flat::Flat::default();
    lowering.absorb(&mut flat, schema, 0);
    Value::Object(lowering.write_parameters(flat))
}

/// Lowers the schema of an answer. Unlike parameters it need not be an object.
pub fn lower_output(schema: &Value) -> Value {
    let mut lowering = Lowering::new(schema);
    let mut flat = flat::Flat::default();
    lowering.absorb(&mut flat, schema, 0);
    if flat.is_object() {
        return Value::Object(lowering.write_parameters(flat));
    }
    let mut schema = lowering.write(flat, 0).schema;
    if schema.get("type").is_some_and(|name| name == "object") {
        schema.entry("properties").or_insert_with(|| Map::new().into());
    }
    schema.into()
}

/// The lowering of one schema.
struct Lowering<'a> {
    root: &'a Value,
    /// The definitions that are being put in place of a `$ref`; meeting one again is a cycle.
    open: Vec<&'a str>,
    /// How many more schemas are looked into.
    left: usize,
}

/// A schema in the subset.
struct Lowered {
    schema: Map<String, Value>,
    /// The original also allows null.
    nullable: bool,
}

// === impl Lowering ===

impl<'a> Lowering<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            open: vec!["#"],
            left: MOST_SCHEMAS,
        }
    }

    /// Lowers what satisfies all of `schemas`.
    fn lower(&mut self, schemas: &[&'a Value], depth: usize) -> Lowered {
        let mark = self.open.len();
        let mut flat = flat::Flat::default();
        for schema in schemas {
            self.absorb(&mut flat, schema, 0);
        }
        let lowered = self.write(flat, depth);
        self.open.truncate(mark);
        lowered
    }

    /// Takes one schema from the budget; false when there is none left.
    fn spend(&mut self) -> bool {
        let spent = self.left > 0;
        self.left = self.left.saturating_sub(1);
        spent
    }
}
