//! Secrets from programs.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    SecretError,
    answer::{self, Lack},
    keeper::SecretProgram,
    vault::Answer,
};

/// Who may write a program besides its owner must be nobody.
const WRITABLE: u32 = 0o022;
/// The size of a pipe on Linux.
const PIECE: usize = 64 * 1024;
/// How often the end of a program is looked for that has closed its output.
const TICK: Duration = Duration::from_millis(2);

/// The secrets that the program gives for these ids.
pub(super) fn run(program: &SecretProgram, provider: &str, ids: &[&str]) -> Vec<Answer> {
    let path = &program.command;
    let answered = allowed(program, provider).and_then(|path| output(program, &path, provider, ids));
    let text = answered.and_then(|bytes| {
        let text = str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
        text.map_err(|_| SecretError::NoAnswer {
            path: path.clone(),
            provider: provider.to_owned(),
        })
    });
    let lacks = |lack: Lack| match lack {
        Lack::Silent => SecretError::Silent { path: path.clone() },
        Lack::NoAnswer => SecretError::NoAnswer {
            path: path.clone(),
            provider: provider.to_owned(),
        },
        Lack::Refused(reason) => SecretError::Refused {
            path: path.clone(),
            reason,
        },
    };
    match text {
        Ok(text) => {
            let found = answer::read(&text, ids, program.json_only).into_iter();
            found.map(|found| found.map_err(lacks)).collect()
        }
        Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// The path of the program, if nobody else could have put something in its place.
///
/// OpenClaw wants it to be the person's own; root's is as good, because root can do everything anyway: `/usr/bin/age`.
fn allowed(program: &SecretProgram, provider: &str) -> Result<PathBuf, SecretError> {
    let mut path = program.command.clone();
    let failed = |error| SecretError::of_io(&program.command, error);
    let mut found = fs::symlink_metadata(&path).map_err(failed)?;
    if found.is_symlink() {
        let target = path.canonicalize().map_err(failed)?;
        if !program.may_be_link {
            return Err(SecretError::Link {
                path,
                target,
                provider: provider.to_owned(),
            });
        }
        path = target;
        found = fs::symlink_metadata(&path).map_err(failed)?;
    }
    if !found.is_file() {
        return Err(SecretError::NotAFile { path });
    }
    if !program.folders.is_empty() && !is_within(&path, &program.folders) {
        return Err(SecretError::Untrusted {
            path,
            provider: provider.to_owned(),
        });
    }
    if program.any_owner {
        return Ok(path);
    }
    if found.mode() & WRITABLE != 0 {
        return Err(SecretError::Changeable { path });
    }
    if ![0, geteuid().as_raw()].contains(&found.uid()) {
        return Err(SecretError::Foreign {
            path,
            provider: provider.to_owned(),
        });
    }
    Ok(path)
}

/// Whether a file is in one of the folders, links followed.
fn is_within(path: &Path, folders: &[PathBuf]) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let real = |folder: &PathBuf| folder.canonicalize().ok();
    folders.iter().filter_map(real).any(|folder| path.starts_with(folder))
}

/// What the program writes to its standard output. What it says of errors may hold secrets, so nobody reads that.
fn output(
    program: &SecretProgram,
    path: &Path,
    provider: &str,
    ids: &[&str],
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let not_started = |cause: io::Error| SecretError::NotStarted {
        path: path.to_owned(),
        cause: Arc::new(cause),
    };
    let began = Instant::now();
    let mut child = Running::start(program, path).map_err(not_started)?;
    let request = json!({ "protocolVersion": 1, "provider": provider, "ids": ids }).to_string();
    let pieces = child.pipes(request).map_err(not_started)?;
    let slow = |limit| SecretError::Slow {
        path: path.to_owned(),
        limit,
        provider: provider.to_owned(),
    };
    let mut all = Zeroizing::new(Vec::new());
    loop {
        let left = program.timeout.saturating_sub(began.elapsed());
        match pieces.recv_timeout(left.min(program.silence)) {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(slow(program.timeout.min(program.silence))),
        }
        if all.len() as u64 > program.most {
            return Err(SecretError::TooMuch {
                path: path.to_owned(),
                most: program.most,
                provider: provider.to_owned(),
            });
        }
    }
    let status = child.ended(began + program.timeout).map_err(not_started)?;
    match status {
        None => Err(slow(program.timeout)),
        Some(status) if status.success() => Ok(all),
        Some(status) => Err(SecretError::Failed {
            path: path.to_owned(),
            how: how(status),
        }),
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// A program that runs. Whoever drops it ends it, with all that it has started and that has not left its group.
struct Running {
    child: Child,
    has_ended: bool,
}

// === impl Running ===

impl Running {
    fn start(program: &SecretProgram, path: &Path) -> io::Result<Self> {
        let mut command = Command::new(path);
        command
            .args(program.args.iter().map(yabby_core::Secret::expose))
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(folder) = path.parent() {
            command.current_dir(folder);
        }
        Ok(Self {
            child: command.spawn()?,
            has_ended: false,
        })
    }

    /// Gives the request to the program and receives what it writes. Both threads end with the pipes.
    fn pipes(&mut self, request: String) -> io::Result<mpsc::Receiver<Zeroizing<Vec<u8>>>> {
        if let Some(mut stdin) = self.child.stdin.take() {
            // A program need not read it, so that an error here says nothing.
            thread::Builder::new().spawn(move || drop(stdin.write_all(request.as_bytes())))?;
        }
        let (sender, pieces) = mpsc::sync_channel(1);
        if let Some(mut stdout) = self.child.stdout.take() {
            thread::Builder::new().spawn(move || {
                let mut buffer = Zeroizing::new(vec![0; PIECE]);
                loop {
                    match stdout.read(&mut buffer) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Ok(0) | Err(_) => break,
                        Ok(count) if sender.send(Zeroizing::new(buffer[..count].to_vec())).is_err() => break,
                        Ok(_) => {}
                    }
                }
            })?;
        }
        Ok(pieces)
    }

    /// How it has ended; `None` when it has not by then.
    fn ended(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let status = self.child.try_wait()?;
            self.has_ended = status.is_some();
            if self.has_ended || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(TICK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            // Either fails only when it has ended meanwhile.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
