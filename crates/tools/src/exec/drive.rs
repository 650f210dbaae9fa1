//! A program from its start to its end.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    path::Path,
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::unix::pipe::Receiver,
    process::Command,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ExecSettings,
    group::{Group, Next, Reaper},
    plain::Plain,
};

/// What is still in the pipe when a program has ended is read for so long; others may hold the pipe forever.
const DRAIN: Duration = Duration::from_millis(200);

/// A program that runs.
pub(super) struct Running {
    pub(super) group: Group,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) how: How,
    /// Whether it left others running, which were stopped then.
    pub(super) left: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    Exit(i32),
    Signal(i32),
    /// It was stopped after this time.
    TimedOut(Duration),
    /// It was stopped because somebody wanted it.
    Stopped,
    /// Nobody knows.
    Lost(String),
}

impl How {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Lost(status.to_string()),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut(after) => write!(f, "stopped after {} s", after.as_secs()),
            Self::Stopped => f.write_str("stopped"),
            Self::Lost(why) => write!(f, "ended, nobody knows how: {why}"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.how.fmt(f)?;
        if self.left {
            f.write_str("; what it left running was stopped, use background for that")?;
        }
        Ok(())
    }
}

impl Running {
    /// Starts `command` in `folder`. Both kinds of its output come in the order in which they were written.
    pub(super) fn start(
        command: &str,
        folder: &Path,
        stdin: Stdio,
        settings: &ExecSettings,
        reaper: &Arc<Reaper>,
    ) -> std::io::Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        let mut program = Command::new("/bin/sh");
        // What begins with a dash is a command too, not an option of the shell.
        program
            .args(["-c", "--", command])
            .current_dir(folder)
            .env_clear()
            .env("PATH", &settings.path)
            .env("HOME", settings.home.as_deref().unwrap_or(folder))
            .env("LANG", &settings.lang)
            .env("TERM", "dumb")
            .envs(settings.environment.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let pipe = Receiver::from_owned_fd(reader.into())?;
        let group = Group::spawn(&mut program, pipe, reaper, settings.grace)?;
        Ok(Self { group })
    }

    /// Hands on what it prints until it ends, not longer than `longest`, nor than `stop` lets it. Dropping the future ends all of
    /// the group.
    pub(super) async fn finish(
        mut self,
        longest: Duration,
        stop: impl Future<Output = ()> + Send,
        mut tell: impl FnMut(&str) + Send,
    ) -> Ended {
        let mut stop = pin!(stop);
        let deadline = Instant::now() + longest;
        let mut plain = Plain::default();
        let mut buffer = vec![0; 16 << 10];
        let how = loop {
            tokio::select! {
                next = self.group.next(&mut buffer) => match next {
                    Next::Output(read) => say(&mut plain, buffer.get(..read), &mut tell),
                    Next::Ended(ended) => break ended.map_or_else(|error| How::Lost(error.to_string()), How::of),
                },
                () = sleep_until(deadline) => break How::TimedOut(longest),
                () = &mut stop => break How::Stopped,
            }
        };
        let by_itself = !matches!(how, How::TimedOut(_) | How::Stopped);
        if !by_itself {
            self.group.ask();
        }
        let rest = async {
            while let Some(read) = self.group.rest(&mut buffer).await {
                say(&mut plain, buffer.get(..read), &mut tell);
            }
        };
        let _ = timeout(DRAIN, rest).await;
        let left = by_itself && self.group.lives();
        self.group.stop().await;
        Ended { how, left }
    }
}

fn say(plain: &mut Plain, bytes: Option<&[u8]>, tell: &mut impl FnMut(&str)) {
    let text = plain.push(bytes.unwrap_or_default());
    if !text.is_empty() {
        tell(&text);
    }
}
