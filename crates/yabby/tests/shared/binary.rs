//! Which Yabby is tested.

use std::{env::var_os, ffi::OsString};

/// The one that is built with the tests, or the file `YABBY_TEST_BINARY`, as which `cargo xtask test` names the one that people
/// run: the release build.
#[expect(clippy::disallowed_methods, reason = "tests read which binary they are for")]
pub(crate) fn yabby() -> OsString {
    var_os("YABBY_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_yabby").into())
}
