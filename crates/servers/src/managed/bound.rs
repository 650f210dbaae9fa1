//! Replacing this process by a server that ends with its supervisor.

use std::{ffi::OsString, io};

/// Becomes `program`, after telling the kernel to end it together with the parent process. Returns only on failure.
#[cfg(target_os = "linux")]
pub fn exec_bound(program: &OsString, arguments: &[OsString]) -> io::Error {
    use std::os::unix::process::CommandExt;

    let bound = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    match bound {
        Ok(()) => std::process::Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}

/// Only Linux has parent-death signals; elsewhere the supervisor starts the server directly.
#[cfg(not(target_os = "linux"))]
pub fn exec_bound(_program: &OsString, _arguments: &[OsString]) -> io::Error {
    io::ErrorKind::Unsupported.into()
}
