//! A program and everything that it starts: one process group, which is ended as a whole.

use std::{
    io,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    process::{Child, ChildStdin, Command},
    runtime::Handle,
    task::JoinSet,
    time::{sleep, timeout},
};

const POLL: Duration = Duration::from_millis(20);

/// Ends groups that nobody waits for any more. Dropping it kills those that have not ended.
#[derive(Default)]
pub(crate) struct Reaper(Mutex<JoinSet<()>>);

/// Dropping it asks the group to end, and the reaper kills it when it has not after a while.
pub(crate) struct Group {
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    pipe: Option<Receiver>,
    id: Option<Id>,
    reaper: Weak<Reaper>,
    grace: Duration,
}

/// What a group does next.
pub(crate) enum Next {
    /// So many bytes.
    Output(usize),
    Ended(io::Result<ExitStatus>),
}

/// Reads something; when the other end is closed, it waits forever.
async fn read(pipe: &mut Option<Receiver>, buffer: &mut [u8]) -> usize {
    if let Some(open) = pipe
        && let Ok(read @ 1..) = open.read(buffer).await
    {
        return read;
    }
    *pipe = None;
    std::future::pending().await
}

/// A group that is not known to have ended. Dropping it kills the group.
struct Id(Pid);

impl Id {
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.0, signal);
    }

    fn lives(&self) -> bool {
        test_kill_process_group(self.0).is_ok() && any_runs(self.0)
    }

    /// Asks politely. One that is stopped would not hear it.
    fn ask(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Waits until nothing of it is left, not longer than `grace`, and kills what is left then.
    async fn end(self, mut child: Option<Child>, pipe: Option<Receiver>, grace: Duration) {
        let gone = async {
            if let Some(child) = &mut child {
                let _ = child.wait().await;
            }
            while self.lives() {
                sleep(POLL).await;
            }
        };
        // Who writes to a pipe that nobody holds is killed before it can put things in order.
        let gone = tokio::select! {
            gone = timeout(grace, gone) => gone.is_ok(),
            () = discard(pipe) => false,
        };
        self.signal(Signal::KILL);
        if let (Some(child), false) = (&mut child, gone) {
            let _ = child.wait().await;
        }
        // Its number may be somebody else's from now on.
        std::mem::forget(self);
    }
}

/// Reads what nobody wants to know. It has no end.
async fn discard(pipe: Option<Receiver>) {
    let mut buffer = [0; 1024];
    if let Some(mut pipe) = pipe {
        while let Ok(1..) = pipe.read(&mut buffer).await {}
    }
    std::future::pending::<()>().await;
}

/// Whether one of a group still runs. Those that have ended stay in it until somebody asks about them, and in a container
/// often nobody does.
#[cfg(target_os = "linux")]
fn any_runs(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return true;
    };
    let group = group.as_raw_nonzero().to_string();
    processes.flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent group …`, and the name may hold anything; see proc_pid_stat(5).
        let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = words.next();
        words.nth(1) == Some(&group) && !matches!(state, Some("Z" | "X"))
    })
}

#[cfg(not(target_os = "linux"))]
fn any_runs(_group: Pid) -> bool {
    true
}

impl Drop for Id {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Reaper {
    /// Runs `task` until it ends or the reaper is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

impl Group {
    /// Starts `command`, which writes to `pipe`; `grace` is how long it gets to end when it is asked to.
    pub(crate) fn spawn(
        command: &mut Command,
        pipe: Receiver,
        reaper: &Arc<Reaper>,
        grace: Duration,
    ) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        Ok(Self {
            stdin: child.stdin.take(),
            pipe: Some(pipe),
            id: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).map(Id),
            child: Some(child),
            reaper: Arc::downgrade(reaper),
            grace,
        })
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        self.id.as_ref().map(|id| id.0)
    }

    /// What it prints next, or how its first process ended. Cancel-safe.
    pub(crate) async fn next(&mut self, buffer: &mut [u8]) -> Next {
        let Self {
            child: Some(child),
            pipe,
            ..
        } = self
        else {
            return Next::Ended(Err(io::ErrorKind::NotFound.into()));
        };
        tokio::select! {
            read = read(pipe, buffer) => Next::Output(read),
            ended = child.wait() => Next::Ended(ended),
        }
    }

    /// What is still to be read; `None` when there is no more.
    pub(crate) async fn rest(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let Self { pipe: Some(pipe), .. } = self else {
            return None;
        };
        pipe.read(buffer).await.ok().filter(|read| *read > 0)
    }

    /// Whether something of it still runs, which its first process has left behind.
    pub(crate) fn lives(&self) -> bool {
        self.id.as_ref().is_some_and(Id::lives)
    }

    /// Asks all of it to end.
    pub(crate) fn ask(&self) {
        if let Some(id) = &self.id {
            id.ask();
        }
    }

    /// Ends all of it.
    pub(crate) async fn stop(mut self) {
        if let Some(id) = self.id.take() {
            id.ask();
            id.end(self.child.take(), self.pipe.take(), self.grace).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        id.ask();
        // Without a runtime, there is no time to wait, and it is killed.
        if let (Some(reaper), Ok(_)) = (self.reaper.upgrade(), Handle::try_current()) {
            reaper.spawn(id.end(self.child.take(), self.pipe.take(), self.grace));
        }
    }
}
