//! Servers that the config names a program for: started when they are needed, shared, and never left behind.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use yabby_testkit::{Canary, ModelServer};

use crate::{
    chat::Chat,
    home::{Home, start},
};

/// A home whose one provider is served by `service.py`.
struct Service {
    home: Home,
    port: u16,
}

/// The keys of `localService` besides its command.
fn service(modes: &str, more: &Value) -> Service {
    service_at(free_port(), &python(), &["service.py"], modes, more)
}

fn service_at(port: u16, command: &str, arguments: &[&str], modes: &str, more: &Value) -> Service {
    let home = Home::new();
    home.write("service.py", include_str!("service.py"));
    let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    arguments.extend([port.to_string(), home.path().display().to_string(), modes.to_owned()]);
    let mut local = json!({"command": command, "args": arguments, "cwd": home.path()});
    let mut provider = json!({
        "baseUrl": format!("http://127.0.0.1:{port}/v1"), "api": "openai-completions",
        "models": [{"id": "m1", "contextWindow": 8192, "maxTokens": 64}],
    });
    for (name, value) in more.as_object().unwrap() {
        match name.as_str() {
            "apiKey" | "headers" => provider[name] = value.clone(),
            "args" => {
                let list = local["args"].as_array_mut().unwrap();
                list.extend(value.as_array().unwrap().iter().cloned());
            }
            _ => local[name] = value.clone(),
        }
    }
    provider["localService"] = local;
    home.write(
        "yabby.json5",
        &json!({"models": {"providers": {"box": provider}}}).to_string(),
    );
    Service { home, port }
}

impl Service {
    fn chat(&self) -> Chat {
        Chat::of(&mut self.home.command(&["up"]), start)
    }

    /// What the program wrote down, a number a line: of each of its starts or children.
    fn pids(&self, name: &str) -> Vec<u32> {
        let text = fs::read_to_string(self.home.path().join(name)).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The folder of the supervisor and its users.
    fn folder(&self) -> PathBuf {
        let mut found = fs::read_dir(self.home.path().join("managed")).unwrap();
        found.next().unwrap().unwrap().path()
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder().join("status.json")).unwrap()).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("server.log")).unwrap()
    }

    /// Waits until no supervisor, no server and no child of one is left.
    fn leaves_nothing(&self) {
        eventually("the supervisor ends", || {
            let lock = fs::File::open(self.folder().join("supervisor.lock")).unwrap();
            lock.try_lock().is_ok()
        });
        for name in ["starts", "children"] {
            for pid in self.pids(name) {
                eventually(name, || !alive(pid));
            }
        }
        assert!(!self.folder().join("status.json").exists());
    }

    /// Asks the supervisor to end.
    fn end(&self) {
        let supervisor = self.status()["supervisor"].to_string();
        assert!(Command::new("kill").arg(supervisor).status().unwrap().success());
        self.leaves_nothing();
    }

    /// A message without what differs between runs.
    fn stable(&self, text: &str) -> String {
        let folder = self.folder();
        let name = folder.file_name().unwrap().to_str().unwrap();
        self.home.stable(text).replace(name, "box-HASH")
    }
}

/// Below those that the system gives out by itself, so that no server of another test comes to it.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests read where the developer's things are")]
fn python() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("python3"));
    let python = found.find(|file| file.is_file()).unwrap();
    python.display().to_string()
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn alive(pid: u32) -> bool {
    let shown = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(shown.stdout).unwrap();
    // One that has ended and was not waited for is not alive.
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn kill(pid: u32) {
    let sent = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

fn modes(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Each is answered only when both are asked, so that they are there at the same time.
#[test]
fn two_questions_at_once_start_it_once_and_nothing_is_left() {
    let options = json!({"args": ["--config", "x.yaml", "--help", "--", "-v"]});
    let service = service("pair", &options);
    let (one, two) = (
        service.home.spawn(&["ask", "ping"]),
        service.home.spawn(&["ask", "ping"]),
    );
    for ran in [one.ran(), two.ran()] {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "pong\n"), "{}", ran.stderr);
    }
    assert_eq!(service.pids("starts").len(), 1);
    // Its arguments are its own, whatever they mean to Yabby.
    let arguments = fs::read_to_string(service.home.path().join("arguments")).unwrap();
    let home = service.home.path().canonicalize().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&arguments).unwrap(),
        json!([home, "--config", "x.yaml", "--help", "--", "-v"])
    );
    service.leaves_nothing();
}

#[test]
fn a_server_that_is_there_is_used_and_never_stopped() {
    let server = ModelServer::start_on_thread();
    let port = server.addr().port();
    let service = service_at(port, &python(), &["service.py"], "dies", &json!({"idleStopMs": 1}));
    for _ in 0..2 {
        let ran = service.home.run(&["ask", "ping"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    }
    assert_eq!(service.pids("starts"), Vec::<u32>::new());
    assert!(!service.home.path().join("managed").exists());
    let lines: Vec<String> = server.requests().iter().map(yabby_testkit::Recorded::line).collect();
    assert_eq!(
        lines.iter().filter(|line| line.contains("POST")).count(),
        2,
        "{lines:?}"
    );
}

#[test]
fn no_secret_is_written_down() {
    let (token, key, team) = (Canary::new(), Canary::new(), Canary::new());
    let service = service(
        "plain",
        &json!({
            "env": {"TOKEN": token.expose()}, "apiKey": key.expose(), "headers": {"X-Team": team.expose()},
        }),
    );
    let mut chat = service.chat();
    assert_eq!(chat.ask("ping"), "pong\n");
    let log = service.log();
    let of = |begin: &str| -> Vec<&str> { log.lines().filter(|line| line.starts_with(begin)).collect() };
    // On both streams, and in two pieces.
    assert_eq!(
        (of("token"), of("half")),
        (vec!["token ***"; 2], vec!["half ***"]),
        "{log}"
    );
    assert!(of("authorization").contains(&"authorization ***"), "{log}");
    assert!(of("x-team").contains(&"x-team ***"), "{log}");
    let folder = service.folder();
    assert_eq!(
        ["", "status.json", "server.log"].map(|name| modes(&folder.join(name))),
        [0o700, 0o600, 0o600]
    );
    let status = service.status();
    for secret in [&token, &key, &team] {
        secret.assert_absent_in(&folder);
        #[cfg(target_os = "linux")]
        for (who, what) in [
            ("supervisor", "cmdline"),
            ("supervisor", "environ"),
            ("server", "cmdline"),
        ] {
            let text = fs::read(format!("/proc/{}/{what}", status[who])).unwrap();
            secret.assert_absent(&String::from_utf8_lossy(&text));
        }
    }
    assert_eq!((&status["state"], &status["restarts"]), (&json!("ready"), &json!(0)));
    chat.leave();
    service.leaves_nothing();
}

/// The answer takes longer than the server may be idle.
#[test]
fn an_idle_server_is_stopped_and_started_by_the_next_question() {
    let service = service("slow", &json!({"idleStopMs": 300}));
    let mut chat = service.chat();
    for count in 1..=2 {
        assert_eq!(chat.ask("ping"), "pong\n");
        let starts = service.pids("starts");
        assert_eq!(starts.len(), count, "it was stopped within an answer");
        eventually("it is stopped while the chat lives", || !alive(starts[count - 1]));
    }
    chat.leave();
    service.leaves_nothing();
}

/// A time of idleness goes on when the process that asked has left.
#[test]
fn the_next_process_finds_it_running() {
    let service = service("plain", &json!({"idleStopMs": 60_000}));
    for _ in 0..2 {
        assert_eq!(service.home.run(&["ask", "ping"]).stdout, "pong\n");
        // Longer than a server lives that nobody may come back to.
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert_eq!(service.pids("starts").len(), 1);
    service.end();
}

#[test]
fn a_crashed_server_is_started_again() {
    let service = service("child", &json!({}));
    let mut chat = service.chat();
    assert_eq!(chat.ask("ping"), "pong\n");
    kill(service.pids("starts")[0]);
    assert_eq!(chat.ask("ping"), "pong\n");
    assert_eq!(service.pids("starts").len(), 2);
    assert!(
        !alive(service.pids("children")[0]),
        "what the first one started lives on"
    );
    assert_eq!(service.status()["restarts"], 1);
    chat.leave();
    service.leaves_nothing();
}

/// A shell that starts the server, which starts a child that does not listen to SIGTERM.
#[test]
fn everything_that_a_script_starts_ends_with_it() {
    let script = "\"$0\" service.py \"$@\"; true";
    let arguments = ["-c", script, &python()];
    let service = service_at(free_port(), "/bin/sh", &arguments, "child", &json!({}));
    let ran = service.home.run(&["ask", "ping"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "pong\n"), "{}", ran.stderr);
    service.leaves_nothing();
    assert_eq!((service.pids("starts").len(), service.pids("children").len()), (1, 1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_supervisor_takes_it_along_and_is_replaced() {
    let service = service("plain", &json!({}));
    let mut chat = service.chat();
    assert_eq!(chat.ask("ping"), "pong\n");
    let supervisor = u32::try_from(service.status()["supervisor"].as_u64().unwrap()).unwrap();
    kill(supervisor);
    let first = service.pids("starts")[0];
    eventually("the server ends by itself", || !alive(first));
    assert_eq!(chat.ask("ping"), "pong\n");
    assert_eq!(service.pids("starts").len(), 2);
    chat.leave();
    service.leaves_nothing();
}

#[test]
fn a_killed_user_leaves_nothing_behind() {
    let service = service("plain", &json!({}));
    let mut chat = service.chat();
    assert_eq!(chat.ask("ping"), "pong\n");
    chat.running.child().kill().unwrap();
    service.leaves_nothing();
}

#[test]
fn a_server_that_is_never_ready_is_told() {
    let service = service("never", &json!({"readyTimeoutMs": 700}));
    let ran = service.home.run(&["ask", "ping"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(service.stable(&ran.stderr), @r"
    error: box/m1: the server of box was not ready within 0.7 s
    hint: see HOME/managed/box-HASH/server.log; raise models.providers.box.localService.readyTimeoutMs if it needs longer
    ");
    service.leaves_nothing();
}

#[test]
fn a_server_that_ends_before_it_is_ready_is_told_with_its_last_lines() {
    let token = Canary::new();
    let service = service("dies", &json!({"env": {"TOKEN": token.expose()}}));
    let ran = service.home.run(&["ask", "ping"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(service.stable(&ran.stderr), @r"
    error: box/m1: the server of box does not start: token *** | half *** | CUDA error: out of memory
    hint: the whole log is HOME/managed/box-HASH/server.log
    ");
    // One start, one error: it is not tried again and again.
    assert_eq!(service.pids("starts").len(), 1);
    service.leaves_nothing();
}

/// The next question tries once more, when the time to back off is over, and with what the config says then.
#[test]
fn a_config_that_is_mended_is_used_by_a_later_question() {
    let service = service("dies", &json!({"idleStopMs": 60_000}));
    let ask = || service.home.run(&["ask", "ping"]);
    assert_eq!(ask().code, Some(3));
    let config = fs::read_to_string(service.home.path().join("yabby.json5")).unwrap();
    service.home.write("yabby.json5", &config.replace("dies", "plain"));
    eventually("it is tried again", || ask().stdout == "pong\n");
    assert_eq!(service.pids("starts").len(), 2);
    service.end();
}

#[test]
fn to_look_at_it_does_not_start_it() {
    let service = service("plain", &json!({"idleStopMs": 60_000}));
    let state = || {
        let ran = service.home.run(&["models", "--json"]);
        let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
        (
            rows[0]["model"].clone(),
            rows[0]["state"].clone(),
            rows[0]["breaker"].clone(),
            rows[0]["error"].clone(),
        )
    };
    let closed = || json!("closed");
    assert_eq!(state(), (json!("box/m1"), json!("unloaded"), closed(), Value::Null));
    let ran = service.home.run(&["doctor"]);
    let line = "box: not running; the first question starts its server";
    assert!(ran.code == Some(0) && ran.stdout.contains(line), "{}", ran.stdout);
    assert_eq!(service.pids("starts"), Vec::<u32>::new());
    assert!(!service.home.path().join("managed").exists());
    assert_eq!(service.home.run(&["ask", "ping"]).stdout, "pong\n");
    assert_eq!(state(), (json!("box/m1"), json!("ready"), closed(), Value::Null));
    service.end();
}

#[test]
fn setup_keeps_a_primary_whose_server_is_not_running() {
    let mut service = service("plain", &json!({"idleStopMs": 60_000}));
    let found = ModelServer::start_on_thread();
    found.models(&["other"]);
    let text = fs::read_to_string(service.home.path().join("yabby.json5")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["agents"] = json!({"defaults": {"model": {"primary": "box/m1"}}});
    service.home.write("yabby.json5", &config.to_string());
    service.home = service
        .home
        .var("YABBY_DISCOVER", &format!("llamacpp:{}", found.addr().port()));
    let ran = service.home.run(&["setup", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&told["chosen"]["primary"], &told["models"][0]["state"]),
        (&json!("box/m1"), &json!("unloaded")),
        "{told}"
    );
    assert_eq!(told["servers"][0]["error"], Value::Null);
    assert_eq!(service.pids("starts"), Vec::<u32>::new(), "nobody asked for a start");
    // A person who names it has it tried, and so started.
    let ran = service
        .home
        .run(&["setup", "--provider", "box", "--model", "m1", "--yes", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.code, &told["models"][0]["answers"]),
        (Some(0), &json!(true)),
        "{told}"
    );
    assert_eq!(service.pids("starts").len(), 1);
    service.end();
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let service = service_at(free_port(), "/nowhere/server", &[], "", &json!({}));
    let ran = service.home.run(&["ask", "ping"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(service.stable(&ran.stderr), @r"
    error: box/m1: the server of box does not start: error: /nowhere/server could not be run: No such file or directory (os error 2)
    hint: the whole log is HOME/managed/box-HASH/server.log
    ");
    let folder = service_at(service.port, &python(), &[], "", &json!({"cwd": "/nowhere"}));
    let ran = folder.home.run(&["ask", "ping"]);
    insta::assert_snapshot!(folder.stable(&ran.stderr), @r"
    error: box/m1: the server of box does not start: cwd /nowhere is not a folder
    hint: the whole log is HOME/managed/box-HASH/server.log
    ");
    assert_eq!(folder.log(), "cwd /nowhere is not a folder\n");
    folder.leaves_nothing();
}
