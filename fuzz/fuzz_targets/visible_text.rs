//! Text of a model, with reasoning and tool calls written into it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| yabby_fuzz::written(input));
