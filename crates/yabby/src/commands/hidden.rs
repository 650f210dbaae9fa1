//! Commands that Yabby runs itself.

use std::{ffi::OsString, path::Path};

use crate::{exit::Exit, terminal::Terminal};
use yabby_core::{Lang, text};

/// `yabby managed-server FOLDER`.
pub(crate) async fn managed_server(folder: &Path) -> Exit {
    match Box::pin(yabby_servers::managed::supervise(folder)).await {
        Ok(()) => Exit::Answered,
        Err(error) => {
            // Its standard error is supervisor.log.
            Terminal::plain(Lang::En).error(&text!("the supervisor failed: {error}", error = error), None);
            Exit::NoAnswer
        }
    }
}

/// `yabby exec-bound PARENT PROGRAM ARGUMENTS…`.
pub(crate) fn exec_bound(parent: u32, program: &OsString, arguments: &[OsString]) -> Exit {
    let error = yabby_servers::managed::exec_bound(parent, program, arguments);
    Terminal::plain(Lang::En).error(
        &text!(
            "{program} could not be run: {error}",
            program = program.display(),
            error = error
        ),
        None,
    );
    Exit::NoAnswer
}
