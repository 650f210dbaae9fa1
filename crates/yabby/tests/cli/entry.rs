//! Who may come in, edited while `yabby serve` runs.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use serde_json::json;
use yabby_testkit::ModelServer;

use crate::{
    home::Home,
    reload::Serving,
    socket::{Frame, Socket},
};

/// A config with this as its `gateway`.
fn config(server: &ModelServer, gateway: &str) -> String {
    format!(
        "{{gateway: {gateway}, models: {{providers: {{box: {{baseUrl: '{}', api: 'openai-completions',
          models: [{{id: 'm1', contextWindow: 8192}}]}}}}}}}}",
        server.base_url()
    )
}

/// Asks with a key; the answer as far as its head.
fn ask(address: &str, path: &str, key: &str) -> (u16, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    (line[9..12].parse().unwrap(), stream)
}

fn status(serving: &Serving, key: &str) -> u16 {
    ask(&serving.address, "/api/me", key).0
}

/// A stream of events that has begun.
fn events(serving: &Serving, key: &str) -> BufReader<TcpStream> {
    let (status, mut stream) = ask(&serving.address, "/api/events", key);
    assert_eq!(status, 200);
    let mut line = String::new();
    while !line.contains("hello") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0);
    }
    stream
}

/// A WebSocket that was let in.
fn socket(serving: &Serving, key: &str) -> Socket {
    let host = format!("host: {}", serving.address);
    let (status, mut socket) = Socket::ask(&serving.address, "/api/socket", &[&host]);
    assert_eq!(status, 101);
    socket.says(&json!({"key": key}));
    socket.event(&["hello"]);
    socket
}

#[test]
fn a_token_that_is_replaced_ends_the_pages_that_came_with_it() {
    let server = ModelServer::start_on_thread();
    let (first, second) = ("first-token-of-the-owner", "second-token-of-the-owner");
    let with = |token: &str| config(&server, &format!("{{auth: {{token: '{token}'}}}}"));
    let mut serving = Serving::start(Home::with_config(&with(first)));
    let created = std::fs::read_to_string(serving.home.path().join("gateway-token")).unwrap();
    let created = created.trim();
    let known = |serving: &Serving| [first, second, created].map(|key| status(serving, key));
    assert_eq!(known(&serving), [200, 401, 200]);
    let (mut ends, mut closed) = (events(&serving, first), socket(&serving, first));
    let mut stays = socket(&serving, created);
    serving.edit(&with(second));
    serving.hang_up();
    assert_eq!(closed.end(), Frame::Close(1008, "the key was revoked".to_owned()));
    // A connection that is cut off may be reset.
    let mut rest = Vec::new();
    let _ = ends.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("\r\n0\r\n"));
    serving.has_changed(1);
    assert_eq!(known(&serving), [401, 200, 200]);
    let told = stays.event(&["config"]);
    assert_eq!(told["ok"], true, "{told}");
    drop(events(&serving, second));
    insta::assert_snapshot!(serving.ended(), @r"
    · your key is in HOME/gateway-token; make others with: yabby keys add
    · the config was read anew: HOME/yabby.json5
    ");
}

#[test]
fn an_edit_that_lets_everybody_in_is_refused_and_what_waits_for_a_start_is_named() {
    let server = ModelServer::start_on_thread();
    let good = config(&server, "{bind: 'lan', trustedProxies: ['10.0.0.1']}");
    let mut serving = Serving::start(Home::with_config(&good));
    serving.address = serving.address.replace("0.0.0.0", "127.0.0.1");
    for bad in [
        "{bind: 'lan', trustedProxies: ['10.0.0.1'], auth: {mode: 'none'}}",
        "{bind: 'lan'}",
    ] {
        serving.edit(&config(&server, bad));
        serving.hang_up();
        serving.is_refused();
        assert_eq!([status(&serving, ""), serving.get("/api/me").0], [401, 200], "{bad}");
        serving.edit(&good);
        serving.hang_up();
        serving.until(|| serving.ready()["config"]["ok"] == true, "a good config");
    }
    let later = "{bind: 'loopback', port: 4, trustedProxies: ['10.0.0.1'],
                  tls: {enabled: true, certPath: '/a.pem', keyPath: '/b.pem'}}";
    for (edit, changes) in [(later, 3), ("{bind: 'lan', trustedProxies: ['10.0.0.1']}", 4)] {
        serving.edit(&config(&server, edit));
        serving.has_changed(changes);
        assert_eq!(serving.get("/api/me").0, 200);
    }
    let logs = serving.get("/api/logs").1.to_string();
    assert!(logs.contains("gateway.tls counts from the next start on"), "{logs}");
    let port = serving.address.rsplit(':').next().unwrap().to_owned();
    insta::assert_snapshot!(serving.ended().replace(&format!("0.0.0.0:{port}"), "0.0.0.0:PORT"));
}

#[test]
fn nobody_is_asked_for_a_key_as_long_as_the_config_says_so() {
    let server = ModelServer::start_on_thread();
    let serving = Serving::start(Home::with_config(&config(&server, "{}")));
    assert_eq!(status(&serving, ""), 401);
    serving.edit(&config(&server, "{auth: {mode: 'none'}}"));
    serving.has_changed(1);
    assert_eq!(status(&serving, ""), 200);
    let mut nobodys = events(&serving, "");
    serving.edit(&config(&server, "{}"));
    let mut rest = Vec::new();
    let _ = nobodys.read_to_end(&mut rest);
    assert_eq!(status(&serving, ""), 401);
    insta::assert_snapshot!(serving.ended(), @r"
    · your key is in HOME/gateway-token; make others with: yabby keys add
    · the config was read anew: HOME/yabby.json5
    · nobody is asked for a key: every program on this machine may use your models (gateway.auth.mode)
    · the config was read anew: HOME/yabby.json5
    ");
}

#[test]
fn data_stays_here_at_once_also_where_the_gateway_must_not_follow() {
    let server = ModelServer::start_on_thread();
    let good = config(&server, "{bind: 'lan', trustedProxies: ['10.0.0.1']}");
    let mut serving = Serving::start(Home::with_config(&good));
    serving.address = serving.address.replace("0.0.0.0", "127.0.0.1");
    let open = config(
        &server,
        "{bind: 'lan', trustedProxies: ['10.0.0.1'], auth: {mode: 'none'}}",
    );
    serving.edit(&open.replacen(
        "{gateway:",
        "{agents: {defaults: {privacy: {zones: ['lann']}}}, gateway:",
        1,
    ));
    serving.hang_up();
    serving.has_changed(1);
    assert_eq!([status(&serving, ""), serving.get("/api/me").0], [401, 200]);
    serving.edit(&open);
    serving.hang_up();
    serving.is_refused();
    assert_eq!([status(&serving, ""), serving.get("/api/me").0], [401, 200]);
    let port = serving.address.rsplit(':').next().unwrap().to_owned();
    insta::assert_snapshot!(serving.ended().replace(&format!("0.0.0.0:{port}"), "0.0.0.0:PORT"));
}
