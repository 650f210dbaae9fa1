//! Requests of clients.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| yabby_fuzz::asked(input));
