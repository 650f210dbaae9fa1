//! Replacing this process by a server that ends with its supervisor.

use std::{ffi::OsString, io};

/// Becomes `program`, after telling the kernel to end it together with the process `parent`. Returns only on failure.
#[cfg(target_os = "linux")]
pub fn exec_bound(parent: u32, program: &OsString, arguments: &[OsString]) -> io::Error {
    use std::os::unix::process::CommandExt;

    let bound = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    // A parent that ended before is not noticed by the kernel.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if now.and_then(|pid| u32::try_from(pid).ok()) != Some(parent) {
        return io::Error::other("the supervisor has ended");
    }
    match bound {
        Ok(()) => std::process::Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}

/// Only Linux has parent-death signals; elsewhere the supervisor starts the server directly.
#[cfg(not(target_os = "linux"))]
pub fn exec_bound(_parent: u32, _program: &OsString, _arguments: &[OsString]) -> io::Error {
    io::ErrorKind::Unsupported.into()
}
