//! The process that runs the managed server: starts it, starts it again after a crash, stops it with the last user.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    process::{Child, ChildStdin, Command},
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Program, Spec,
    artefact::hex,
    lease::{open_lock, own_program},
    status::{State, Status},
};

/// How often the supervisor looks for users and asks a starting server.
const TICK: Duration = Duration::from_millis(100);
/// Without a user for this long, the server is stopped.
const UNUSED: Duration = Duration::from_secs(1);
/// A server that has run for so long has not failed to start.
const STEADY: Duration = Duration::from_secs(30);
/// Starts in a row that did not last before the server counts as failed.
const TRIES: u32 = 3;
const BACK_OFF: [u64; 5] = [0, 1, 2, 5, 30];

/// Runs the server of the folder that a lease has prepared, until nobody uses it. This is the whole of the hidden
/// command `yabby managed-server`; it needs a runtime whose main thread lives as long as the process, because the
/// server is bound to the thread that started it.
pub async fn supervise(folder: &Path) -> io::Result<()> {
    let Some(_lock) = take_lock(folder).await? else {
        // Another supervisor was faster.
        return Ok(());
    };
    let spec: Spec = serde_json::from_slice(&fs::read(folder.join("spec.json"))?)?;
    let mut supervisor = Supervisor {
        folder,
        spec,
        status: Status {
            supervisor: std::process::id(),
            server: None,
            port: free_port()?,
            key: random_key()?,
            state: State::Starting,
            restarts: 0,
        },
        terminate: signal(SignalKind::terminate())?,
        unused_since: None,
    };
    let users = supervisor.run().await?;
    let _ = fs::remove_file(folder.join("status.json"));
    // The lock on the users' file is kept until here, so that a new user waits for a clean slate.
    drop(users);
    Ok(())
}

async fn take_lock(folder: &Path) -> io::Result<Option<File>> {
    let file = open_lock(&folder.join("supervisor.lock"))?;
    // A lease that looks whether there is a supervisor holds the lock for an instant.
    for _ in 0..20 {
        if file.try_lock().is_ok() {
            return Ok(Some(file));
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(None)
}

struct Supervisor<'a> {
    folder: &'a Path,
    spec: Spec,
    status: Status,
    terminate: Signal,
    unused_since: Option<Instant>,
}

/// Why one run of the server ended.
enum Ended {
    /// Nobody uses it any more; the file is locked against new users.
    Unused(Option<File>),
    /// It stopped by itself, so long after its first answer.
    Crashed { lasted: Duration },
}

impl Supervisor<'_> {
    async fn run(&mut self) -> io::Result<Option<File>> {
        let mut failures: u32 = 0;
        loop {
            match self.run_once().await? {
                Ended::Unused(users) => return Ok(users),
                Ended::Crashed { lasted } => {
                    failures = if lasted >= STEADY { 0 } else { failures + 1 };
                    self.status.restarts += 1;
                    self.status.server = None;
                    self.status.state = if failures >= TRIES {
                        State::Failed(self.last_words())
                    } else {
                        State::Starting
                    };
                    self.publish();
                    let step = usize::try_from(failures).unwrap_or(usize::MAX).min(BACK_OFF.len() - 1);
                    let pause = Duration::from_secs(BACK_OFF.get(step).copied().unwrap_or(30));
                    if let Some(users) = self.pause(pause).await? {
                        return Ok(users);
                    }
                    if TcpListener::bind(("127.0.0.1", self.status.port)).is_err() {
                        self.status.port = free_port()?;
                    }
                }
            }
        }
    }

    /// Waits; `Some` when the supervisor should end meanwhile.
    async fn pause(&mut self, pause: Duration) -> io::Result<Option<Option<File>>> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                _ = self.terminate.recv() => return Ok(Some(None)),
            }
            if let Some(users) = self.nobody_left()? {
                return Ok(Some(Some(users)));
            }
        }
        Ok(None)
    }

    async fn run_once(&mut self) -> io::Result<Ended> {
        let mut child = self.start()?;
        // Waiting for a child closes the pipe that it still holds, so it is kept apart.
        let pipe = child.stdin.take();
        self.status.server = child.id();
        self.status.state = State::Starting;
        self.publish();
        let health = format!("http://127.0.0.1:{}/health", self.status.port);
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(io::Error::other)?;
        let mut answered: Option<Instant> = None;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = child.wait() => {
                    let lasted = answered.map_or(Duration::ZERO, |since| since.elapsed());
                    return Ok(Ended::Crashed { lasted });
                }
                _ = self.terminate.recv() => {
                    stop(child, pipe).await;
                    return Ok(Ended::Unused(None));
                }
                _ = tick.tick() => {}
            }
            if let Some(users) = self.nobody_left()? {
                stop(child, pipe).await;
                return Ok(Ended::Unused(Some(users)));
            }
            if answered.is_none() {
                let asked = timeout(Duration::from_secs(1), client.get(&health).send()).await;
                if matches!(asked, Ok(Ok(response)) if response.status().is_success()) {
                    answered = Some(Instant::now());
                    self.status.state = State::Ready;
                    self.publish();
                }
            }
        }
    }

    /// Writes the status. A full disk must not end a server that works: users then see the state before.
    fn publish(&self) {
        if let Err(error) = self.status.write(self.folder) {
            let log = OpenOptions::new().append(true).open(self.folder.join("supervisor.log"));
            let _ = log.and_then(|mut log| writeln!(log, "status.json: {error}"));
        }
    }

    /// The locked users' file when there has been no user for a while.
    fn nobody_left(&mut self) -> io::Result<Option<File>> {
        let file = open_lock(&self.folder.join("lease.lock"))?;
        if file.try_lock().is_err() {
            self.unused_since = None;
            return Ok(None);
        }
        let since = *self.unused_since.get_or_insert_with(Instant::now);
        Ok((since.elapsed() >= UNUSED).then_some(file))
    }

    fn start(&self) -> io::Result<Child> {
        let log_file = self.folder.join("server.log");
        let log = OpenOptions::new().create(true).append(true).open(&log_file)?;
        if log.metadata()?.len() > 1 << 20 {
            log.set_len(0)?;
        }
        let Spec {
            program,
            model,
            alias,
            window,
            slots,
            threads,
        } = &self.spec;
        let port = self.status.port;
        let mut command = match program {
            Program::Wheel(python) => {
                let mut command = Command::new(python);
                let spec = serde_json::json!({
                    "model": model, "alias": alias, "port": port,
                    "window": window, "slots": slots, "threads": threads,
                });
                command
                    .args(["-I", "-c", include_str!("launcher.py")])
                    .arg(spec.to_string());
                command
            }
            Program::Native(path) => {
                let mut command = bound_to_parent(path)?;
                command
                    .arg("--model")
                    .arg(model)
                    .args(["--host", "127.0.0.1", "--jinja", "--slots", "--no-webui"])
                    .args(["--alias", alias])
                    .args(["--port", &port.to_string()])
                    .args(["--ctx-size", &(window * slots).to_string()])
                    .args(["--parallel", &slots.to_string()])
                    .args(["--threads", &threads.to_string()]);
                command
            }
        };
        command
            // llama.cpp reads its key from this variable; on the command line every user could see it.
            .env("LLAMA_API_KEY", &self.status.key)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
    }

    fn last_words(&self) -> String {
        let log = fs::read(self.folder.join("server.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(3);
        lines.get(from..).unwrap_or_default().join(" | ")
    }
}

/// `yabby exec-bound PROGRAM`: the kernel ends the server when the supervisor ends, however it ends.
fn bound_to_parent(program: &Path) -> io::Result<Command> {
    if cfg!(target_os = "linux") {
        let mut command = Command::new(own_program()?);
        command.arg("exec-bound").arg(program);
        Ok(command)
    } else {
        Ok(Command::new(program))
    }
}

/// Closes the pipe that the launcher waits for, asks politely, and does not wait for ever: a llama.cpp that answers a
/// whole request ignores the first SIGTERM (measured, more than four minutes).
async fn stop(mut child: Child, pipe: Option<ChildStdin>) {
    drop(pipe);
    #[cfg(unix)]
    if let Some(pid) = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if timeout(Duration::from_secs(2), child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn random_key() -> io::Result<String> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(bytes))
}
