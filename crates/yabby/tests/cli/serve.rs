//! `yabby serve`: the gateway as a person starts it.

use std::{
    fs::Permissions,
    io::{Read as _, Write as _},
    net::{IpAddr, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt as _,
};

use rustix::process::{Pid, Signal, kill_process};
use yabby_testkit::{ModelServer, script};

use crate::{home::Home, running::Running};

pub(crate) fn started(home: &Home) -> (Running, String) {
    let mut running = home.spawn(&["serve", "--port", "0"]);
    let line = String::from_utf8(running.piece().unwrap()).unwrap();
    let address = line.trim().strip_prefix("Yabby listens on http://").unwrap().to_owned();
    (running, address)
}

pub(crate) fn ask(address: &str, key: &str, body: &str) -> TcpStream {
    ask_on(TcpStream::connect(address).unwrap(), address, key, body)
}

/// Asks on a connection, which ends with the answer.
pub(crate) fn ask_on(mut stream: TcpStream, address: &str, key: &str, body: &str) -> TcpStream {
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}

/// The status of the answer to a question with this key.
pub(crate) fn status(address: &str, key: &str, body: &str) -> u16 {
    let mut answer = String::new();
    ask(address, key, body).read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The owner's key.
pub(crate) fn key(home: &Home) -> String {
    let key = std::fs::read_to_string(home.path().join("gateway-token")).unwrap();
    key.trim().to_owned()
}

pub(crate) fn interrupt(running: &mut Running) {
    let id = i32::try_from(running.child().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
}

#[test]
fn it_says_where_it_listens_answers_and_ends_with_ctrl_c() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("Hel"), sleep_ms(400), text("lo.")]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let (mut running, address) = started(&home);
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut stream = ask(
        &address,
        &key(&home),
        r#"{"model":"box/m1","stream":true,"messages":[]}"#,
    );
    let mut first = [0; 1024];
    let read = stream.read(&mut first).unwrap();
    // The answer that has begun comes to its end.
    interrupt(&mut running);
    let mut rest = String::from_utf8(first[..read].to_vec()).unwrap();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK") && rest.contains("lo."), "{rest}");
    let ran = running.ran();
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(home.stable(&ran.stderr), @"· your key is in HOME/gateway-token; make others with: yabby keys add");
    assert_eq!(server.model_calls()[0].header("authorization"), Some("Bearer k-box"));
}

#[test]
fn who_has_a_port_that_is_taken_is_told_and_another_one_is_named() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let (mut running, address) = started(&home);
    let port = address.rsplit(':').next().unwrap();
    let id = running.child().id().to_string();
    let taken = |home: &Home| {
        let ran = home.run(&["serve", "--port", port]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        home.stable(&ran.stderr).replace(&id, "PID")
    };
    insta::assert_snapshot!(taken(&home), @r"
    error: Yabby runs already at http://127.0.0.1:PORT (process PID)
    hint: get a link to it with: yabby keys link; or end it first: kill PID
    ");
    // Somebody else's.
    let told = taken(&Home::with_box(&server.base_url(), "openai-completions"));
    let free = told.rsplit("--port ").next().unwrap().trim().to_owned();
    assert!(free.parse::<u16>().unwrap() > port.parse::<u16>().unwrap());
    if cfg!(target_os = "linux") {
        insta::assert_snapshot!(told.replace(&free, "FREE"), @r"
        error: 127.0.0.1:PORT is taken by yabby (process PID)
        hint: end that program, or use a free port: yabby serve --port FREE
        ");
    }
}

#[test]
fn the_port_is_that_of_the_command_line_the_environment_or_the_config() {
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (of_config, of_env) = (free(), free());
    let config = format!("{{ gateway: {{ port: {of_config} }}, models: {{ mode: 'replace', providers: {{}} }} }}");
    let home = Home::with_config(&config);
    let listens = |home: &Home| {
        let mut running = home.spawn(&["serve"]);
        String::from_utf8(running.piece().unwrap()).unwrap()
    };
    assert_eq!(
        listens(&home),
        format!("Yabby listens on http://127.0.0.1:{of_config}\n")
    );
    let home = home.var("OPENCLAW_GATEWAY_PORT", &of_env.to_string());
    assert_eq!(listens(&home), format!("Yabby listens on http://127.0.0.1:{of_env}\n"));
}

#[test]
fn a_certificate_of_its_own_is_made_once_and_told_by_its_fingerprint() {
    let config = "{ gateway: { tls: { enabled: true } }, models: { mode: 'replace', providers: {} } }";
    let home = Home::with_config(config);
    let told = || {
        let mut running = home.spawn(&["serve", "--port", "0"]);
        let line = String::from_utf8(running.piece().unwrap()).unwrap();
        assert!(line.starts_with("Yabby listens on https://127.0.0.1:"), "{line}");
        interrupt(&mut running);
        running.ran().stderr
    };
    let first = told();
    assert_eq!(first, told());
    let file = std::fs::read_to_string(home.path().join("gateway-tls.pem")).unwrap();
    let fingerprint = yabby_gateway::fingerprint(&file).unwrap();
    let stable = home.stable(&first).replace(&fingerprint, "FINGERPRINT");
    insta::assert_snapshot!(stable);
}

/// The address from which this machine would reach the world. Nothing is sent.
fn of_network() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:53").ok()?;
    Some(socket.local_addr().unwrap().ip())
}

#[test]
fn its_own_certificate_is_made_anew_for_the_addresses_of_a_network() {
    let Some(ip) = of_network() else {
        println!("skipped: this machine has no network");
        return;
    };
    let config = "{ gateway: { tls: { enabled: true } }, models: { mode: 'replace', providers: {} } }";
    let home = Home::with_config(config);
    let file = home.path().join("gateway-tls.pem");
    let serve = || {
        let mut running = home.spawn(&["serve", "--port", "0"]);
        let line = String::from_utf8(running.piece().unwrap()).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().to_owned();
        (running, port)
    };
    let (mut running, _) = serve();
    interrupt(&mut running);
    assert!(!running.ran().stderr.contains("was made anew"));
    let first = std::fs::read(&file).unwrap();
    home.write("yabby.json5", &config.replace("tls:", "bind: 'lan', tls:"));
    let (mut running, port) = serve();
    let text = std::fs::read(&file).unwrap();
    assert_ne!(first, text);
    // A client that believes that file believes the address.
    let only = reqwest::Certificate::from_pem(&text).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([only])
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for name in [ip.to_string(), "localhost".to_owned()] {
        let asked = client.get(format!("https://{name}:{port}/health")).send();
        assert_eq!(runtime.block_on(asked).unwrap().status(), 200, "{name}");
    }
    interrupt(&mut running);
    let told = running.ran().stderr;
    let told = told.lines().find(|line| line.contains("was made anew")).unwrap();
    assert!(told.contains(&ip.to_string()), "{told}");
    let names = told.split("did not name ").nth(1).unwrap().split(';').next().unwrap();
    insta::assert_snapshot!(told.replace(names, "NAMES"));
    let (mut running, _) = serve();
    interrupt(&mut running);
    running.ran();
    assert_eq!(std::fs::read(&file).unwrap(), text, "it has all that is needed");
}

#[test]
fn whoever_has_a_certificate_without_its_key_is_told_what_to_do() {
    let made = yabby_gateway::new_certificate(&["localhost".to_owned()]).unwrap();
    let (alone, _) = made.expose().split_once("-----BEGIN PRIVATE KEY").unwrap();
    let mut all = String::new();
    for files in ["", "certPath: 'HOME/gateway-tls.pem', keyPath: 'HOME/gateway-tls.pem'"] {
        let home = Home::new();
        let files = files.replace("HOME", &home.path().display().to_string());
        home.write(
            "yabby.json5",
            &format!(
                "{{ gateway: {{ tls: {{ enabled: true, {files} }} }}, models: {{ mode: 'replace', providers: {{}} }} }}"
            ),
        );
        let file = home.write("gateway-tls.pem", alone);
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let ran = home.run(&["serve", "--port", "0"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        all += &home.stable(&ran.stderr);
    }
    insta::assert_snapshot!(all);
}
