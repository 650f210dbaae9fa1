//! The process that runs a managed server: starts it, starts it again after a crash, stops it with the last user.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    net::TcpListener,
    os::fd::OwnedFd,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Client;
use tokio::{
    net::unix::pipe::Receiver,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use yabby_core::now;

use super::{
    artefact::hex,
    group::Group,
    health::{Health, Pulse},
    hold::{Users, open_lock},
    launch,
    log::Log,
    redact::Redactor,
    spec::{Piped, Spec},
    status::{State, Status},
};
use crate::Http;

/// How often the supervisor looks for users and asks a starting server.
const TICK: Duration = Duration::from_millis(100);
/// A server that has run for so long has not failed to start.
const STEADY: Duration = Duration::from_secs(30);
/// Runs in a row that did not last before the server counts as failed.
const TRIES: u32 = 3;
const BACK_OFF: [u64; 5] = [0, 1, 2, 5, 30];
/// How long a server may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// A program of the config may have more to put away.
const SERVICE_GRACE: Duration = Duration::from_secs(5);
/// How long the last lines of a server that has ended may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the server that standard input describes, in the folder of its users, until nobody uses it. This is the whole
/// of the hidden command `yabby managed-server`; it needs a runtime whose main thread lives as long as the process,
/// because the server is bound to the thread that started it.
pub async fn supervise(folder: &Path) -> io::Result<()> {
    let mut spec = Vec::new();
    io::stdin().read_to_end(&mut spec)?;
    // What the parser says would quote the spec.
    let spec: Spec = serde_json::from_slice(&spec).map_err(|_| io::Error::other("its user left too early"))?;
    let Some(_lock) = take_lock(folder).await? else {
        // Another supervisor was faster.
        return Ok(());
    };
    let http = Http::default();
    let own = matches!(spec, Spec::Llama(_));
    let mut supervisor = Supervisor {
        folder,
        client: http
            .near(match &spec {
                Spec::Llama(_) => "http://",
                Spec::Command(command) => command.health.url.expose(),
            })
            .map_err(|error| io::Error::other(error.message.english()))?,
        users: Users::of(folder, spec.patience()),
        status: Status {
            supervisor: std::process::id(),
            server: None,
            since: None,
            port: if own { Some(free_port()?) } else { None },
            key: if own { Some(random_key()?) } else { None },
            state: State::Starting,
            restarts: 0,
        },
        end: End::listen()?,
        spec,
    };
    supervisor.publish();
    let users = supervisor.run().await?;
    Status::remove(folder);
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
        sleep(Duration::from_millis(25)).await;
    }
    Ok(None)
}

struct Supervisor<'a> {
    folder: &'a Path,
    client: &'a Client,
    spec: Spec,
    status: Status,
    users: Users,
    end: End,
}

/// Why one run of the server ended.
enum Ended {
    /// The supervisor's own work is done; the file is locked against new users where there are none.
    Over(Option<File>),
    /// It could not be started, was not ready in time, or stopped by itself.
    Down {
        /// What is told of it when it is not tried again.
        as_failed: State,
        /// How long it answered; `None` when it never did.
        lasted: Option<Duration>,
    },
}

/// A server that runs, and who reads what it prints.
struct Running {
    group: Group,
    log: JoinSet<Log>,
}

// === impl Supervisor ===

impl Supervisor<'_> {
    async fn run(&mut self) -> io::Result<Option<File>> {
        let mut failures: u32 = 0;
        loop {
            if self.is_elsewhere().await {
                // Somebody else was faster, and users find that one by themselves.
                return Ok(None);
            }
            let (as_failed, lasted) = match self.run_once().await? {
                Ended::Over(users) => return Ok(users),
                Ended::Down { as_failed, lasted } => (as_failed, lasted),
            };
            failures = if lasted >= Some(STEADY) { 0 } else { failures + 1 };
            // A program that fails before it was ready has something wrong with it, which its owner should hear of at
            // once. llama.cpp gets more tries: the port that was found for it may be taken.
            let mends = matches!(self.spec, Spec::Llama(_));
            let failed = failures >= TRIES || (lasted.is_none() && !mends);
            self.status.server = None;
            self.status.since = None;
            self.status.state = if failed { as_failed } else { State::Starting };
            self.publish();
            let step = usize::try_from(failures).unwrap_or(usize::MAX).min(BACK_OFF.len() - 1);
            let pause = Duration::from_secs(BACK_OFF.get(step).copied().unwrap_or(30));
            if let Some(users) = self.pause(pause).await? {
                return Ok(users);
            }
            if failed && !mends {
                // Not again and again by itself: the next request may, with what the config says then.
                return Ok(None);
            }
            if let Some(port) = self.status.port
                && TcpListener::bind(("127.0.0.1", port)).is_err()
            {
                self.status.port = Some(free_port()?);
            }
            self.status.restarts += 1;
        }
    }

    /// Waits; `Some` when the supervisor should end meanwhile.
    async fn pause(&mut self, pause: Duration) -> io::Result<Option<Option<File>>> {
        let start = Instant::now();
        while start.elapsed() < pause {
            tokio::select! {
                () = sleep(TICK) => {}
                () = self.end.wanted() => return Ok(Some(None)),
            }
            if let Some(users) = self.users.gone()? {
                return Ok(Some(Some(users)));
            }
        }
        Ok(None)
    }

    async fn run_once(&mut self) -> io::Result<Ended> {
        let mut running = match self.start() {
            Ok(running) => running,
            Err(error) => {
                return Ok(Ended::Down {
                    as_failed: State::Failed(error.to_string()),
                    lasted: None,
                });
            }
        };
        self.status.server = running.group.pid();
        self.status.since = Some(now());
        self.status.state = State::Starting;
        self.publish();
        let health = self.health();
        let mut healthy = Box::pin(health.wait(self.client, TICK));
        let start = Instant::now();
        let mut answered: Option<Instant> = None;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                how = running.group.ended() => {
                    // To end what it has started may take a while, in which nobody should take it for ready.
                    self.status.state = State::Starting;
                    self.publish();
                    let words = running.stop(self.grace()).await;
                    return Ok(Ended::Down {
                        as_failed: State::Failed(if words.is_empty() { how } else { words }),
                        lasted: answered.map(|since| since.elapsed()),
                    });
                }
                () = self.end.wanted() => {
                    running.stop(self.grace()).await;
                    return Ok(Ended::Over(None));
                }
                () = &mut healthy, if answered.is_none() => {
                    answered = Some(Instant::now());
                    self.status.state = State::Ready;
                    self.publish();
                }
                _ = tick.tick() => {}
            }
            if let Some(users) = self.users.gone()? {
                running.stop(self.grace()).await;
                return Ok(Ended::Over(Some(users)));
            }
            let late = self.spec.ready_timeout().is_some_and(|limit| start.elapsed() >= limit);
            if late && answered.is_none() {
                // Told before it is stopped: whoever waits has waited long enough.
                self.status.state = State::Late;
                self.publish();
                running.stop(self.grace()).await;
                return Ok(Ended::Down {
                    as_failed: State::Late,
                    lasted: None,
                });
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

    fn start(&self) -> io::Result<Running> {
        let mut log = Log::open(self.folder, self.redactor())?;
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        // One pipe for both streams keeps their lines in order.
        let started = launch::command(&self.spec, &self.status).and_then(|mut command| {
            command.stdout(writer.try_clone()?).stderr(writer);
            Group::spawn(&mut command)
        });
        let group = started.inspect_err(|error| log.trouble(error))?;
        let mut reading = JoinSet::new();
        reading.spawn(log.follow(pipe));
        Ok(Running { group, log: reading })
    }

    fn redactor(&self) -> Redactor {
        match &self.spec {
            Spec::Llama(_) => Redactor::new(self.status.key.iter().map(|key| &key.0)),
            Spec::Command(command) => {
                let env = command.env.iter().map(|(_, value)| value);
                let headers = command.health.headers.iter().map(|(_, value)| value);
                Redactor::new(env.chain(headers).chain(&command.secrets).map(|value| &value.0))
            }
        }
    }

    fn health(&self) -> Health {
        match &self.spec {
            Spec::Llama(_) => Health {
                url: Piped::new(format!(
                    "http://127.0.0.1:{}/health",
                    self.status.port.unwrap_or_default()
                )),
                headers: Vec::new(),
                list: false,
            },
            Spec::Command(command) => command.health.clone(),
        }
    }

    fn grace(&self) -> Duration {
        match self.spec {
            Spec::Llama(_) => GRACE,
            Spec::Command(_) => SERVICE_GRACE,
        }
    }

    /// Whether somebody else serves at the address of the config.
    async fn is_elsewhere(&self) -> bool {
        match &self.spec {
            Spec::Llama(_) => false,
            Spec::Command(command) => command.health.look(self.client, Duration::from_secs(1)).await == Pulse::Ready,
        }
    }
}

// === impl Running ===

impl Running {
    /// Ends what is left of it, and returns its last lines.
    async fn stop(mut self, grace: Duration) -> String {
        self.group.stop(grace).await;
        // A process that has left the group may keep the pipe open.
        let log = timeout(LAST_WORDS, self.log.join_next()).await;
        match log {
            Ok(Some(Ok(log))) => log.last_words(),
            _ => String::new(),
        }
    }
}

/// The signals that ask the supervisor to end.
struct End {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl End {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Cancel-safe.
    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn random_key() -> io::Result<Piped> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Piped::new(hex(bytes)))
}
