//! What is measured: the upstream, and the ways to it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::process::helper;
use crate::{
    release, repo,
    run::{Proxies, for_tests, works},
};

/// One way to the upstream.
pub(crate) struct Target {
    pub(in crate::bench) name: &'static str,
    pub(in crate::bench) address: String,
    /// The name of the model there.
    pub(in crate::bench) model: &'static str,
    pub(crate) process: u32,
    /// Whether it answers thousands of requests in a second.
    pub(in crate::bench) is_fast: bool,
    child: Child,
}

/// All of them, the upstream first.
pub(in crate::bench) struct Targets {
    all: Vec<Target>,
}

/// The owner's key of the gateway.
pub(in crate::bench) const KEY: &str = "sk-bench";
/// It is up within this time, LiteLLM too.
const PATIENCE: Duration = Duration::from_secs(90);

impl Targets {
    pub(in crate::bench) fn start() -> Result<Self, String> {
        let mut targets = Self::start_fast()?;
        match litellm(targets.port())? {
            Some(litellm) => targets.all.push(litellm),
            None => println!("LiteLLM is not installed in target/tmp/real/litellm, and left out"),
        }
        Ok(targets)
    }

    /// Those that answer thousands of requests in a second.
    pub(in crate::bench) fn start_fast() -> Result<Self, String> {
        let mut all = vec![started("upstream", &["upstream"])?];
        let port = port_of(&all).to_owned();
        match nginx(&port)? {
            Some(nginx) => all.push(nginx),
            None => println!("nginx is not installed, and left out"),
        }
        all.push(started("bare hyper", &["bare", &port])?);
        all.push(started(super::REFERENCE, &["peek", &port])?);
        all.push(yabby(&port, "route")?);
        Ok(Self { all })
    }

    /// That of the upstream.
    fn port(&self) -> &str {
        port_of(&self.all)
    }

    pub(in crate::bench) fn all(&self) -> impl Iterator<Item = &Target> {
        self.all.iter()
    }

    /// All but the upstream.
    pub(in crate::bench) fn measured(&self) -> impl Iterator<Item = &Target> {
        self.all.iter().skip(1)
    }

    /// How the upstream answers from now on: with so many events, so far apart; with none, in one piece.
    pub(in crate::bench) fn mode(&self, frames: usize, gap: Duration) -> Result<(), String> {
        self.all.first().map_or(Ok(()), |upstream| upstream.mode(frames, gap))
    }
}

fn port_of(all: &[Target]) -> &str {
    all.first().map_or("", Target::port)
}

impl Target {
    /// Where it listens.
    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap_or_default()
    }

    /// How an upstream answers from now on.
    pub(crate) fn mode(&self, frames: usize, gap: Duration) -> Result<(), String> {
        self.says(&format!(
            "GET /mode/{frames}/{} HTTP/1.1\r\nhost: x\r\n\r\n",
            gap.as_micros()
        ))
    }

    /// Sends this, and waits for the beginning of the answer.
    pub(in crate::bench) fn says(&self, request: &str) -> Result<(), String> {
        let asked = || -> std::io::Result<[u8; 12]> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.write_all(request.as_bytes())?;
            let mut status = [0; 12];
            stream.read_exact(&mut status)?;
            Ok(status)
        };
        match asked() {
            Ok(status) if status.starts_with(b"HTTP/1.1 2") => Ok(()),
            Ok(status) => Err(format!("{}: {}", self.name, String::from_utf8_lossy(&status))),
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn target(name: &'static str, address: String, model: &'static str, child: Child) -> Target {
    Target {
        name,
        address,
        model,
        process: child.id(),
        is_fast: true,
        child,
    }
}

/// A part of the helper; it says its port.
pub(crate) fn started(name: &'static str, arguments: &[&str]) -> Result<Target, String> {
    let (child, line) = first_line(Command::new(helper()).args(arguments))?;
    Ok(target(name, format!("127.0.0.1:{line}"), "m", child))
}

fn first_line(command: &mut Command) -> Result<(Child, String), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        let _ = BufReader::new(out).read_line(&mut line);
    }
    if line.trim().is_empty() {
        let _ = child.kill();
        return Err("a server said nothing".to_owned());
    }
    Ok((child, line.trim().to_owned()))
}

fn folder(name: &str) -> Result<PathBuf, String> {
    let folder = repo::target("bench").join(name);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// A gateway before the upstream at a port, with a folder of its own.
pub(in crate::bench) fn yabby(port: &str, name: &str) -> Result<Target, String> {
    yabby_by(Command::new(release::binary()), port, name)
}

/// The same, started by this command.
pub(crate) fn yabby_by(command: Command, port: &str, name: &str) -> Result<Target, String> {
    let folder = folder(name)?;
    // What was said in an earlier run would be gone on with.
    let _ = fs::remove_dir_all(folder.join("store"));
    let config = format!(
        r#"{{ gateway: {{ auth: {{ token: "{KEY}" }} }}, agents: {{ defaults: {{ model: {{ primary: "bench/m" }} }} }}, models: {{ providers: {{ bench: {{ baseUrl: "http://127.0.0.1:{port}/v1", apiKey: "k", models: [{{ id: "m" }}] }} }} }} }}"#
    );
    fs::write(folder.join("yabby.json5"), config).map_err(|error| error.to_string())?;
    let mut command = for_tests(command, Proxies::Removed);
    command
        .args(["serve", "--port", "0"])
        .env("YABBY_STATE_DIR", &folder)
        .env("YABBY_LANG", "en");
    let (child, line) = first_line(&mut command)?;
    let address = line.rsplit("http://").next().unwrap_or_default().to_owned();
    // By then it has asked the upstream how many requests it takes at once.
    sleep(Duration::from_secs(1));
    Ok(target("yabby", address, "bench/m", child))
}

fn nginx(port: &str) -> Result<Option<Target>, String> {
    let programs = ["nginx", "/usr/sbin/nginx"];
    let Some(program) = programs.into_iter().find(|program| works(program, &["-v"])) else {
        return Ok(None);
    };
    let folder = folder("nginx")?;
    let own = free_port()?;
    let config = format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{ worker_connections 4096; }}\n\
         http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f; \
         uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; client_max_body_size 64m; client_body_buffer_size 1m;\n\
         upstream up {{ server 127.0.0.1:{port}; keepalive 512; }}\n\
         server {{ listen 127.0.0.1:{own} backlog=4096; keepalive_requests 1000000000; location / {{ proxy_pass http://up; \
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }} }} }}\n",
        folder.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&file).arg("-p").arg(&folder);
    up("nginx", own, "m", command.stderr(Stdio::null())).map(Some)
}

fn litellm(port: &str) -> Result<Option<Target>, String> {
    let venv = repo::target("tmp").join("real/litellm");
    let program = venv.join("venv/bin/litellm");
    if !venv.join("installed.txt").exists() {
        return Ok(None);
    }
    let folder = folder("litellm")?;
    let file = folder.join("config.yaml");
    let config = format!(
        "model_list:\n  - model_name: m\n    litellm_params:\n      model: openai/m\n      api_base: \
         http://127.0.0.1:{port}/v1\n      api_key: none\n"
    );
    fs::write(&file, config).map_err(|error| error.to_string())?;
    let own = free_port()?;
    let mut command = for_tests(Command::new(program), Proxies::Removed);
    command
        .arg("--config")
        .arg(&file)
        .args(["--host", "127.0.0.1", "--port", &own.to_string()])
        .env("LITELLM_MASTER_KEY", "sk-bench")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("NO_PROXY", "127.0.0.1")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut target = up("LiteLLM", own, "m", &mut command)?;
    target.is_fast = false;
    Ok(Some(target))
}

/// Starts it and waits until it listens.
fn up(name: &'static str, port: u16, model: &'static str, command: &mut Command) -> Result<Target, String> {
    let child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let target = target(name, format!("127.0.0.1:{port}"), model, child);
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(&target.address).is_err() {
        if Instant::now() > until {
            return Err(format!("{name} does not listen"));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(target)
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}
