//! A user's hold on the managed server.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::process::Command;
use yabby_core::{ErrorKind, ModelError, Phase, Secret, text};

use super::{
    EMBEDDED, EmbeddedModel, PROVIDER, Report, Spec, failure, private_folder,
    status::{State, Status},
};
use crate::{Endpoint, EndpointOrigin};

/// While a lease (or a clone of it) lives, the supervisor keeps the server running.
#[derive(Clone, Debug)]
pub struct Lease {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    spec: Spec,
    _lock: File,
}

/// A model of several gigabytes on a slow disk.
const LOAD_LIMIT: Duration = Duration::from_mins(10);
/// A supervisor needs two seconds to stop a server that does not listen to it.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// A process that has not got to its first lines by then is not going to.
const START_LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(25);
/// How often a supervisor that ends without a word is started again.
const SPAWNS: u32 = 3;

impl Lease {
    /// Registers this process, which must be `yabby` itself, as a user of the server that `spec` describes.
    pub async fn acquire(state_dir: &Path, spec: &Spec) -> Result<Self, ModelError> {
        let folder = spec.folder(state_dir);
        let lock = async {
            private_folder(&folder)?;
            let file = open_lock(&folder.join("lease.lock"))?;
            let start = Instant::now();
            loop {
                match file.try_lock_shared() {
                    Ok(()) => return Ok(file),
                    // A supervisor that stops its server holds the lock until it is done.
                    Err(TryLockError::WouldBlock) if start.elapsed() < STOP_LIMIT => {
                        tokio::time::sleep(POLL).await;
                    }
                    Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        };
        let lock: io::Result<File> = lock.await;
        let lock = lock.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => failure(text!(
                "another yabby has been stopping the llama.cpp server for {seconds} s",
                seconds = STOP_LIMIT.as_secs()
            ))
            .with_hint(text!("see {log}", log = folder.join("supervisor.log").display())),
            _ => cannot_write(&folder, &error),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                spec: spec.clone(),
                _lock: lock,
            }),
        })
    }

    /// The id under which the server offers its model.
    pub fn model(&self) -> &str {
        &self.inner.spec.alias
    }

    /// Tokens of context per slot.
    pub fn window(&self) -> u32 {
        self.inner.spec.window
    }

    /// Requests that the server answers at the same time.
    pub fn slots(&self) -> usize {
        usize::try_from(self.inner.spec.slots).unwrap_or(1)
    }

    /// Whether the server answers now; nothing is started.
    pub fn is_running(&self) -> bool {
        self.supervised() && Status::read(&self.inner.folder).is_some_and(|status| status.state == State::Ready)
    }

    /// The embedded model, when that is what is served, for what it needs of each request.
    pub fn embedded(&self) -> Option<&'static EmbeddedModel> {
        let file = self.inner.spec.model.file_name();
        file.is_some_and(|name| name == EMBEDDED.file).then_some(&EMBEDDED)
    }

    /// An endpoint for the server before it runs: [`Lease::ready`] gives the one to send requests to.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::loopback(PROVIDER, 0, EndpointOrigin::Managed(self.clone()))
    }

    /// Starts the server unless it runs, waits until it answers, and returns where.
    pub async fn ready(&self, report: &dyn Report) -> Result<Endpoint, ModelError> {
        let folder = &self.inner.folder;
        let start = Instant::now();
        let mut spawned = 0;
        let mut told = false;
        let result = loop {
            if !self.supervised() {
                if spawned == SPAWNS {
                    break Err(failure(text!(
                        "the supervisor of the llama.cpp server ended at once; see {log}",
                        log = folder.join("supervisor.log").display()
                    )));
                }
                spawned += 1;
                if let Err(error) = self.spawn().await {
                    break Err(cannot_write(folder, &error));
                }
            }
            match Status::read(folder) {
                // A server that has just crashed is still called ready for a moment.
                Some(status) if status.state == State::Ready && listens(status.port).await => {
                    let mut endpoint = Endpoint::loopback(PROVIDER, status.port, EndpointOrigin::Managed(self.clone()));
                    endpoint.key = Some(Secret::new(status.key));
                    break Ok(endpoint);
                }
                Some(Status {
                    state: State::Failed(words),
                    ..
                }) => {
                    break Err(
                        failure(text!("the llama.cpp server does not start: {words}", words = words)).with_hint(text!(
                            "the whole log is {log}",
                            log = folder.join("server.log").display()
                        )),
                    );
                }
                _ => {}
            }
            if start.elapsed() > LOAD_LIMIT {
                break Err(ModelError::new(
                    ErrorKind::Timeout,
                    Phase::Connect,
                    PROVIDER,
                    text!(
                        "the model was not loaded within {minutes} minutes",
                        minutes = LOAD_LIMIT.as_secs() / 60
                    ),
                ));
            }
            if !told {
                report.begin(text!("loading {model}", model = self.model()), None);
                told = true;
            }
            tokio::time::sleep(POLL).await;
        };
        if told {
            report.end();
        }
        result
    }

    /// Whether a supervisor is at work: it holds its lock for as long as it lives.
    fn supervised(&self) -> bool {
        open_lock(&self.inner.folder.join("supervisor.lock"))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    async fn spawn(&self) -> io::Result<()> {
        let folder = &self.inner.folder;
        let _ = fs::remove_file(folder.join("status.json"));
        fs::write(folder.join("spec.json"), serde_json::to_vec_pretty(&self.inner.spec)?)?;
        let log = File::create(folder.join("supervisor.log"))?;
        let mut command = Command::new(own_program()?);
        command
            .arg("managed-server")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // Ctrl-C in the terminal is meant for the chat, not for the server.
        #[cfg(unix)]
        command.process_group(0);
        let mut supervisor = command.spawn()?;
        // The new process needs a moment to take its lock.
        let start = Instant::now();
        while !self.supervised() && supervisor.try_wait()?.is_none() && start.elapsed() < START_LIMIT {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

/// The `yabby` program, which is its own supervisor. On Linux by way of `/proc`, which also finds it after it was
/// replaced by a newer build.
pub(super) fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

async fn listens(port: u16) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

fn cannot_write(folder: &Path, error: &io::Error) -> ModelError {
    failure(text!(
        "{path} could not be written: {error}",
        path = folder.display(),
        error = error
    ))
    .with_hint(text!(
        "make room on the disk, or set YABBY_STATE_DIR to a folder that can be written"
    ))
}
