//! Text of a model that a schema holds to an answer or a call.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| yabby_fuzz::protocol(input));
