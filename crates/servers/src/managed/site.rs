//! A server's folder as its users see it: is there a supervisor, what does it say, and starting one.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use reqwest::Client;
use tokio::{io::AsyncWriteExt, process::Command};
use yabby_core::{ErrorKind, ModelError, Phase, Text, text};

use super::{
    Report,
    health::{Health, Pulse, listens},
    hold::{Hold, STOP_LIMIT, open_lock},
    log::SERVER_LOG,
    private_folder,
    spec::Spec,
    status::{ServerStatus, State, Status},
};

/// Where a supervisor and its users meet.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) folder: PathBuf,
    /// The place that errors name.
    pub(super) place: String,
}

/// A server that answers.
pub(super) enum Found {
    /// Yabby's own.
    Own(Status),
    /// One that somebody else started at the same address.
    Elsewhere,
}

/// How to ask an address whether somebody else serves there.
#[derive(Clone, Copy)]
pub(super) struct Elsewhere<'a> {
    pub(super) client: &'a Client,
    pub(super) health: &'a Health,
}

/// A model of several gigabytes on a slow disk.
const LOAD_LIMIT: Duration = Duration::from_mins(10);
/// A process that has not got to its first lines by then is not going to.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long a server that is called ready may refuse connections: it has just crashed, or its health is told at
/// another address than where it serves. Then the request says what is wrong.
const DEAF_LIMIT: Duration = Duration::from_secs(10);
/// How long somebody else's server may take to answer.
const LOOK: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(25);
/// How often a supervisor that ends without a word is started again.
const SPAWNS: u32 = 3;

impl Site {
    /// Whether a supervisor is at work: it holds its lock for as long as it lives.
    pub(super) fn supervised(&self) -> bool {
        open_lock(&self.folder.join("supervisor.lock"))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// How the server is now; nothing is started.
    pub(super) fn status(&self) -> ServerStatus {
        let log = self.folder.join(SERVER_LOG);
        match Status::read(&self.folder).filter(|_| self.supervised()) {
            Some(status) => ServerStatus {
                state: status.state,
                supervisor: Some(status.supervisor),
                server: status.server,
                since: status.since,
                restarts: status.restarts,
                log,
            },
            None => ServerStatus {
                state: State::Stopped,
                supervisor: None,
                server: None,
                since: None,
                restarts: 0,
                log,
            },
        }
    }

    /// Registers a user.
    pub(super) async fn hold(&self, name: &Text) -> Result<Hold, ModelError> {
        private_folder(&self.folder).map_err(|error| self.cannot_write(&error))?;
        Hold::take(&self.folder).await.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => self
                .failure(text!(
                    "another yabby has been stopping {server} for {seconds} s",
                    server = name,
                    seconds = STOP_LIMIT.as_secs()
                ))
                .with_hint(text!("see {log}", log = self.folder.join("supervisor.log").display())),
            _ => self.cannot_write(&error),
        })
    }

    /// Whether somebody else serves at the address.
    pub(super) async fn is_elsewhere(&self, elsewhere: Option<Elsewhere<'_>>) -> bool {
        let Some(Elsewhere { client, health }) = elsewhere else {
            return false;
        };
        // One that is busy is there too; a second one could not have its address.
        matches!(health.look(client, LOOK).await, Pulse::Ready | Pulse::Silent)
    }

    /// Starts the server unless it runs, and waits until it answers. Its user's hold keeps it from being stopped
    /// meanwhile.
    pub(super) async fn run(
        &self,
        spec: &Spec,
        _hold: &Hold,
        elsewhere: Option<Elsewhere<'_>>,
        report: &dyn Report,
    ) -> Result<Found, ModelError> {
        let start = Instant::now();
        let mut spawned = 0;
        let mut told = false;
        let mut deaf: Option<Instant> = None;
        let result = loop {
            if !self.supervised() {
                if self.is_elsewhere(elsewhere).await {
                    break Ok(Found::Elsewhere);
                }
                if spawned == SPAWNS {
                    break Err(self.failure(text!(
                        "the supervisor of {server} ended at once; see {log}",
                        server = spec.name(),
                        log = self.folder.join("supervisor.log").display()
                    )));
                }
                spawned += 1;
                if let Err(error) = self.spawn(spec).await {
                    break Err(self.cannot_write(&error));
                }
            }
            let status = Status::read(&self.folder);
            match status.as_ref().map(|status| &status.state) {
                Some(State::Failed(words)) => break Err(self.failed(spec, words)),
                Some(State::Late) => break Err(self.late(spec)),
                Some(State::Ready | State::Starting | State::Stopped) | None => {}
            }
            if let Some(status) = status.filter(|status| status.state == State::Ready) {
                // A server that has just crashed is still called ready for a moment.
                let deaf = *deaf.get_or_insert_with(Instant::now);
                if listens(&address(spec, &status), LOOK).await || deaf.elapsed() > DEAF_LIMIT {
                    break Ok(Found::Own(status));
                }
            } else {
                deaf = None;
            }
            if start.elapsed() > limit(spec) {
                break Err(self.late(spec));
            }
            if !told {
                report.begin(
                    match spec {
                        Spec::Llama(llama) => text!("loading {model}", model = llama.alias),
                        Spec::Command(_) => text!("starting {server}", server = spec.name()),
                    },
                    None,
                );
                told = true;
            }
            tokio::time::sleep(POLL).await;
        };
        if told {
            report.end();
        }
        result
    }

    async fn spawn(&self, spec: &Spec) -> io::Result<()> {
        // What a supervisor that was killed said last. One that lives keeps the lock.
        let lock = open_lock(&self.folder.join("supervisor.lock"))?;
        if lock.try_lock().is_ok() {
            Status::remove(&self.folder);
        }
        drop(lock);
        let log = File::create(self.folder.join("supervisor.log"))?;
        let mut command = Command::new(own_program()?);
        command
            .arg("managed-server")
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        // Ctrl-C in the terminal is meant for the chat, not for the server.
        command.process_group(0);
        let mut supervisor = command.spawn()?;
        if let Some(mut pipe) = supervisor.stdin.take() {
            // One that ends too early is noticed below.
            let _ = pipe.write_all(&serde_json::to_vec(spec)?).await;
        }
        // The new process needs a moment to take its lock.
        let start = Instant::now();
        while !self.supervised() && supervisor.try_wait()?.is_none() && start.elapsed() < START_LIMIT {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn failure(&self, message: Text) -> ModelError {
        ModelError::new(ErrorKind::Provision, Phase::Connect, &self.place, message)
    }

    fn failed(&self, spec: &Spec, words: &str) -> ModelError {
        let log = self.folder.join(SERVER_LOG);
        self.failure(text!(
            "{server} does not start: {words}",
            server = spec.name(),
            words = words
        ))
        .with_hint(text!("the whole log is {log}", log = log.display()))
    }

    fn late(&self, spec: &Spec) -> ModelError {
        let log = self.folder.join(SERVER_LOG);
        let error = |message| ModelError::new(ErrorKind::Timeout, Phase::Connect, &self.place, message);
        match spec {
            Spec::Llama(_) => error(text!(
                "the model was not loaded within {minutes} minutes",
                minutes = LOAD_LIMIT.as_secs() / 60
            ))
            .with_hint(text!("see {log}", log = log.display())),
            Spec::Command(command) => error(text!(
                "{server} was not ready within {seconds} s",
                server = spec.name(),
                seconds = command.ready_timeout.as_secs_f32()
            ))
            .with_hint(text!(
                "see {log}; raise models.providers.{provider}.localService.readyTimeoutMs if it needs longer",
                log = log.display(),
                provider = command.provider
            )),
        }
    }

    fn cannot_write(&self, error: &io::Error) -> ModelError {
        self.failure(text!(
            "{path} could not be written: {error}",
            path = self.folder.display(),
            error = error
        ))
        .with_hint(text!(
            "make room on the disk, or set YABBY_STATE_DIR to a folder that can be written"
        ))
    }
}

/// Where requests go.
fn address(spec: &Spec, status: &Status) -> String {
    match spec {
        Spec::Llama(_) => format!("http://127.0.0.1:{}", status.port.unwrap_or_default()),
        Spec::Command(command) => command.url.expose().to_owned(),
    }
}

/// How long a user waits. The supervisor of a service knows better when its time is over, and says so.
fn limit(spec: &Spec) -> Duration {
    spec.ready_timeout()
        .map_or(LOAD_LIMIT, |time| time + START_LIMIT + STOP_LIMIT)
}

/// The `yabby` program, which is its own supervisor. On Linux by way of `/proc`, which also finds it after it was
/// replaced by a newer build.
pub(super) fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(Path::new("/proc/self/exe").to_owned())
    } else {
        std::env::current_exe()
    }
}
