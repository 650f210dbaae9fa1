//! Programs in the background.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::ChildStdin,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use yabby_core::Time;

use super::{
    ExecSettings,
    drive::{Ended, Running},
    group::Reaper,
    spool::Spool,
};
use crate::{ToolError, ToolErrorKind};

/// So many that have ended are remembered.
const REMEMBERED: usize = 16;

/// Owns the programs in the background. Dropping it kills them.
pub(super) struct Processes {
    known: Mutex<BTreeMap<u32, Arc<Entry>>>,
    next: AtomicU32,
    room: Arc<Semaphore>,
    most: usize,
    output_bytes: usize,
    reaper: Arc<Reaper>,
}

/// One program.
pub(super) struct Entry {
    pub(super) command: String,
    pub(super) started: Time,
    state: Mutex<State>,
    pub(super) stdin: tokio::sync::Mutex<Option<ChildStdin>>,
    /// Set to `true` when it shall end.
    stop: watch::Sender<bool>,
    /// Counts what has happened, for those who wait for it.
    news: watch::Sender<u64>,
}

struct State {
    output: Spool,
    /// Where the last poll ended.
    polled: usize,
    ended: Option<Ended>,
    /// Until it has ended.
    pid: Option<Pid>,
}

impl Processes {
    pub(super) fn new(settings: &ExecSettings) -> Self {
        Self {
            known: Mutex::default(),
            next: AtomicU32::new(1),
            room: Arc::new(Semaphore::new(settings.processes)),
            most: settings.processes,
            output_bytes: settings.output_bytes,
            reaper: Arc::default(),
        }
    }

    pub(super) fn reaper(&self) -> &Arc<Reaper> {
        &self.reaper
    }

    /// Room for one more.
    pub(super) fn room(&self) -> Result<OwnedSemaphorePermit, ToolError> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            let most = self.most;
            let message =
                format!("{most} programs run in the background, which is the most; end one with process kill");
            ToolError::new(ToolErrorKind::Unavailable, message)
        })
    }

    /// Keeps a program until it ends, and says by which id.
    pub(super) fn keep(
        &self,
        permit: OwnedSemaphorePermit,
        command: &str,
        mut running: Running,
        longest: Duration,
        now: Time,
    ) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (stop, mut stopped) = watch::channel(false);
        let entry = Arc::new(Entry {
            command: command.to_owned(),
            started: now,
            stdin: tokio::sync::Mutex::new(running.group.stdin()),
            state: Mutex::new(State {
                output: Spool::new(self.output_bytes),
                polled: 0,
                ended: None,
                pid: running.group.pid(),
            }),
            stop,
            news: watch::Sender::new(0),
        });
        let mut known = lock(&self.known);
        let ended = known.iter().filter(|(_, entry)| entry.ended().is_some());
        let ended: Vec<u32> = ended.map(|(number, _)| *number).collect();
        for old in ended.iter().take(ended.len().saturating_sub(REMEMBERED - 1)) {
            known.remove(old);
        }
        known.insert(number, Arc::clone(&entry));
        drop(known);
        self.reaper.spawn(async move {
            let told = Arc::clone(&entry);
            let ended = running
                .finish(
                    longest,
                    async move { drop(stopped.wait_for(|stop| *stop).await) },
                    |piece| told.push(piece),
                )
                .await;
            let mut state = lock(&entry.state);
            state.ended = Some(ended);
            state.pid = None;
            drop(state);
            entry.happened();
            drop(permit);
        });
        format!("p{number}")
    }

    /// The program of an id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Entry>> {
        let number = id.trim().trim_start_matches('p').parse().ok()?;
        lock(&self.known).get(&number).map(Arc::clone)
    }

    /// All, by their ids.
    pub(super) fn all(&self) -> Vec<(String, Arc<Entry>)> {
        let known = lock(&self.known);
        known
            .iter()
            .map(|(number, entry)| (format!("p{number}"), Arc::clone(entry)))
            .collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The tasks that own them end when the runtime comes to it; this is at once.
        for entry in lock(&self.known).values() {
            if let Some(pid) = lock(&entry.state).pid {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }
}

impl Entry {
    fn push(&self, piece: &str) {
        lock(&self.state).output.push(piece);
        self.happened();
    }

    fn happened(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        lock(&self.state).ended.clone()
    }

    /// What came after `offset`, or after the last poll, and where that ends.
    pub(super) fn poll(&self, offset: Option<usize>, room: usize) -> (String, usize) {
        let mut state = lock(&self.state);
        let text = state.output.after(offset.unwrap_or(state.polled), room);
        state.polled = state.output.end();
        (text, state.polled)
    }

    /// All that is kept.
    pub(super) fn log(&self, room: usize) -> String {
        lock(&self.state).output.after(0, room)
    }

    /// Waits until there is something after `offset`, or after the last poll, or it has ended.
    pub(super) async fn something_new(&self, offset: Option<usize>) {
        let mut news = self.news.subscribe();
        let is_new = |_: &u64| {
            let state = lock(&self.state);
            state.ended.is_some() || state.output.end() > offset.unwrap_or(state.polled)
        };
        let _ = news.wait_for(is_new).await;
    }

    /// Ends it, and waits for that.
    pub(super) async fn kill(&self) {
        self.stop.send_replace(true);
        let mut news = self.news.subscribe();
        let _ = news.wait_for(|_| self.ended().is_some()).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
