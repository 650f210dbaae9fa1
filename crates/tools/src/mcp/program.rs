//! Servers that are programs.

use std::{io, process::Stdio, sync::Arc};

use rmcp::{RoleClient, transport::async_rw::AsyncRwTransport};
use tokio::{
    net::unix::pipe::Receiver,
    process::{ChildStdin, Command},
    task::JoinSet,
};

use super::{
    McpSettings, McpTransport, McpTrouble,
    log::Log,
    metered::{Meter, Metered},
};
use crate::exec::{Group, Next, Reaper};

/// How a program is spoken to.
pub(super) type Pipes = AsyncRwTransport<RoleClient, Metered<Receiver>, ChildStdin>;

/// A program that runs. Dropping it ends its process group.
pub(super) struct Program {
    pub(super) pipes: Pipes,
    /// One task, which ends when the program has.
    pub(super) running: JoinSet<()>,
}

impl Program {
    /// Starts a program in a process group of its own, with nothing in its environment but what it needs and what the owner
    /// gives it. What it writes to its standard error goes to `log`.
    pub(super) fn start(
        transport: &McpTransport,
        settings: &McpSettings,
        reaper: &Arc<Reaper>,
        meter: &Meter,
        log: &Log,
    ) -> Result<Self, McpTrouble> {
        let McpTransport::Program {
            command,
            args,
            env,
            folder,
        } = transport
        else {
            return Err(McpTrouble::Malformed);
        };
        let spawn = || -> io::Result<(Group, Receiver)> {
            let (said, stdout) = io::pipe()?;
            let (logged, stderr) = io::pipe()?;
            let mut program = Command::new(command);
            program
                .args(args)
                .env_clear()
                .env("PATH", &settings.path)
                .env("LANG", &settings.lang)
                .stdin(Stdio::piped())
                .stdout(stdout)
                .stderr(stderr);
            if let Some(home) = &settings.home {
                program.env("HOME", home);
            }
            if let Some(folder) = folder {
                program.current_dir(folder);
            }
            program.envs(env.iter().map(|(name, value)| (name, value.expose())));
            let logged = Receiver::from_owned_fd(logged.into())?;
            let said = Receiver::from_owned_fd(said.into())?;
            Ok((Group::spawn(&mut program, logged, reaper, settings.grace)?, said))
        };
        let (mut group, said) = spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => McpTrouble::NoProgram(command.clone()),
            kind => McpTrouble::NotStarted(kind),
        })?;
        let stdin = group.stdin().ok_or(McpTrouble::NotStarted(io::ErrorKind::BrokenPipe))?;
        let limits = &settings.limits;
        let said = Metered::new(said, limits.message_bytes, meter.clone());
        let mut running = JoinSet::new();
        running.spawn(watch(group, log.clone()));
        Ok(Self {
            // The meter has ended a line that is too long before this limit is met.
            pipes: AsyncRwTransport::new(said, stdin).with_max_line_length(usize::MAX),
            running,
        })
    }
}

/// Reads what a program logs until it has ended, and then ends what it has left behind.
async fn watch(mut group: Group, log: Log) {
    let mut buffer = vec![0; 4096];
    while let Next::Output(read) = group.next(&mut buffer).await {
        log.push(buffer.get(..read).unwrap_or_default());
    }
    // What is in the pipe already; others may hold it forever.
    let rest = async {
        while let Some(read) = group.rest(&mut buffer).await {
            log.push(buffer.get(..read).unwrap_or_default());
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_millis(100), rest).await;
    group.stop().await;
}
