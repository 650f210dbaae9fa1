//! Answers of [`Dialect::Responses`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use yabby_wire::Dialect;

fuzz_target!(|input: &[u8]| yabby_fuzz::answer(Dialect::Responses, input));
