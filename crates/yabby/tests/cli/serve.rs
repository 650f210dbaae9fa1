//! `yabby serve`: the gateway as a person starts it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
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

fn ask(address: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
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
    let mut stream = ask(&address, r#"{"model":"box/m1","stream":true,"messages":[]}"#);
    let mut first = [0; 1024];
    let read = stream.read(&mut first).unwrap();
    // The answer that has begun comes to its end.
    interrupt(&mut running);
    let mut rest = String::from_utf8(first[..read].to_vec()).unwrap();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK") && rest.contains("lo."), "{rest}");
    let ran = running.ran();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(server.model_calls()[0].header("authorization"), Some("Bearer k-box"));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let (_running, address) = started(&home);
    let ran = home.run(&["serve", "--port", address.rsplit(':').next().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    error: cannot listen on 127.0.0.1:PORT: Address already in use (os error 98)
    hint: end the program that has the port, or choose another one with --port
    ");
}
