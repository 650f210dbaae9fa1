//! Who gets a WebSocket of the gateway, and what they may send on it: with real sockets, as attackers would.

use std::thread;

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, script};

use crate::{
    client::Served,
    home::Home,
    socket::{Frame, Socket},
};

const PATH: &str = "/api/socket";
const MAIN: &str = "agent:main:main";

fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    (server, home)
}

/// A handshake as a page of the gateway makes it, with these lines beside or instead of its own.
fn handshake(served: &Served, path: &str, lines: &[&str]) -> (u16, Socket) {
    let is_given = lines.iter().any(|line| line.starts_with("host:"));
    let own = (!is_given).then(|| format!("host: {}", served.address));
    let lines: Vec<&str> = own.as_deref().into_iter().chain(lines.iter().copied()).collect();
    Socket::ask(&served.address, path, &lines)
}

/// A socket that was let in.
fn inside(served: &Served, key: &str) -> Socket {
    let (status, mut socket) = handshake(served, PATH, &[]);
    assert_eq!(status, 101);
    socket.says(&json!({"key": key, "conversation": MAIN}));
    socket.event(&["hello"]);
    socket.event(&["snapshot"]);
    socket
}

/// A key that was made for this, and its number.
fn made(served: &Served, wanted: &Value) -> (String, String) {
    let (status, made) = served.call("POST", "/api/keys", Some(wanted));
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

/// H02, H03: who comes from elsewhere is told so before there is a socket, whatever key they show.
#[test]
fn pages_and_names_from_elsewhere_get_no_socket() {
    let (_server, home) = desk();
    let served = Served::start(&home);
    let bearer = format!("authorization: Bearer {}", served.key);
    let own = format!("host: {}", served.address);
    let same = format!("origin: http://{}", served.address);
    for (lines, expected) in [
        (&["origin: https://evil.example"][..], 403),
        (&["origin: null"], 403),
        (&["origin:"], 403),
        (&["origin: http://127.0.0.1.evil.example"], 403),
        (&["origin: http://localhost@evil.example"], 403),
        (&["origin: file://localhost"], 403),
        (&["origin: chrome-extension://localhost"], 403),
        (&[&same, "origin: https://evil.example"], 403),
        (&["host: rebind.evil.example"], 421),
        (&["host: 127.0.0.1.nip.io"], 421),
        (&["host: [::ffff:127.0.0.1]"], 421),
        (&["host: 0.0.0.0"], 421),
        (&["host:"], 421),
        (&[&own, "host: evil.example"], 400),
        (&["host: evil.example", "origin: http://evil.example"], 421),
        (&[&same], 101),
        (&[], 101),
    ] {
        for key in [None, Some(bearer.as_str())] {
            let lines: Vec<&str> = lines.iter().copied().chain(key).collect();
            assert_eq!(handshake(&served, PATH, &lines).0, expected, "{lines:?}");
        }
    }
    // A request that is no handshake gets no socket.
    assert_eq!(served.call("GET", PATH, None).0, 400);
    assert_eq!(served.call("POST", PATH, Some(&json!({}))).0, 405);
}

/// H02, H05: a socket without a key hears nothing.
#[test]
fn without_a_key_that_counts_a_socket_hears_nothing() {
    let (_server, home) = desk();
    let served = Served::start(&home);
    let key = &served.key;
    // In the head it is refused before there is a socket; an address and a cookie are no head.
    for lines in [
        &["authorization: Bearer wrong"][..],
        &["x-api-key: wrong"],
        &[&format!("authorization: Bearer {key}"), "x-api-key: other"],
    ] {
        assert_eq!(handshake(&served, PATH, lines).0, 401, "{lines:?}");
    }
    let (client, _) = made(&served, &json!({"name": "models only"}));
    assert_eq!(
        handshake(&served, PATH, &[&format!("authorization: Bearer {client}")]).0,
        403
    );
    let refused = Frame::Close(1008, "that is no key that may do this".to_owned());
    let unclear = Frame::Close(1008, "the first message says {\"key\": …}".to_owned());
    let in_address = format!("{PATH}?key={key}&token={key}");
    let cookie = format!("cookie: key={key}; yabby.key={key}");
    for (path, lines, said, expected) in [
        (PATH, &[][..], json!({}), &refused),
        (&in_address, &[], json!({"conversation": MAIN}), &refused),
        (PATH, &[cookie.as_str()], json!({"conversation": MAIN}), &refused),
        (PATH, &[], json!({"key": "wrong"}), &refused),
        (PATH, &[], json!({"key": client}), &refused),
        (PATH, &[], json!({"key": client, "scopes": {"operate": true}}), &refused),
        (PATH, &[], json!({"key": ["x"]}), &unclear),
        (PATH, &[], json!("hello"), &unclear),
    ] {
        let (status, mut socket) = handshake(&served, path, lines);
        assert_eq!(status, 101);
        socket.says(&said);
        assert_eq!(socket.next(), *expected, "{path} {lines:?} {said}");
        assert_eq!(socket.next(), Frame::End);
    }
    // With one that counts it does, and what it asks for must be a conversation.
    let (_, mut socket) = handshake(&served, PATH, &[]);
    socket.says(&json!({"key": key, "conversation": "nothing"}));
    assert_eq!(
        socket.end(),
        Frame::Close(1008, "that is no key of a conversation".to_owned())
    );
    inside(&served, key);
}

/// H06: guessing on sockets is locked out like guessing anywhere else.
#[test]
fn who_guesses_on_sockets_is_locked_out() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        "{{gateway: {{auth: {{rateLimit: {{maxAttempts: 3}}}}}}, models: {{providers: {{box: {{baseUrl: '{}', models: [{{id: 'm1'}}]}}}}}}}}",
        server.base_url()
    ));
    let served = Served::start(&home);
    for guess in ["a", "b", "c"] {
        let (status, mut socket) = handshake(&served, PATH, &[]);
        assert_eq!(status, 101);
        socket.says(&json!({"key": guess}));
        socket.end();
    }
    assert_eq!(handshake(&served, PATH, &[]).0, 429);
    assert_eq!(served.call("GET", "/api/me", None).0, 429);
}

/// H08: a key that is taken back ends its sockets, also one whose page takes nothing.
#[test]
fn sockets_end_with_their_key() {
    let (server, home) = desk();
    server.chat(script![text("On and "), endless("on and on and on and on and on ")]);
    let served = Served::start(&home);
    let (key, id) = made(&served, &json!({"name": "phone", "operate": true}));
    let (_, mut by_head) = handshake(&served, PATH, &[&format!("authorization: Bearer {key}")]);
    by_head.says(&json!({"conversation": MAIN}));
    by_head.event(&["snapshot"]);
    let (mut by_message, _deaf) = (inside(&served, &key), inside(&served, &key));
    let (mut owners, streams) = (inside(&served, &served.key), || served.metric("yabby_event_streams"));
    assert_eq!(streams(), 4);
    served.say("m1", "hello");
    owners.event(&["text"]);
    assert_eq!(served.call("DELETE", &format!("/api/keys/{id}"), None).0, 200);
    let ended = Frame::Close(1008, "the key was revoked".to_owned());
    for socket in [&mut by_head, &mut by_message] {
        let end = socket.end();
        // The connection of a key in a head ends with it.
        assert!(end == ended || end == Frame::End, "{end:?}");
    }
    owners.event(&["text"]);
    served.until(|| streams() == 1, "the end of the others");
    let (_, mut again) = handshake(&served, PATH, &[]);
    again.says(&json!({"key": key}));
    assert_eq!(
        again.next(),
        Frame::Close(1008, "that is no key that may do this".to_owned())
    );
    served.say("m2", "/stop");
    owners.event(&["ended"]);
}

/// H11, H12: what is sent on a socket is bounded.
#[test]
fn a_socket_takes_little() {
    let (_server, home) = desk();
    let served = Served::start(&home);
    // A message in one piece, in many, and one that is never complete.
    let long = json!({"watch": "x".repeat(5000)}).to_string();
    let mut whole = inside(&served, &served.key);
    whole.sends(0x81, long.as_bytes());
    assert_eq!(whole.end(), Frame::End);
    let mut pieces = inside(&served, &served.key);
    pieces.sends(0x01, b"{\"watch\": \"");
    for _ in 0..500 {
        pieces.sends(0x00, b"0123456789");
    }
    assert_eq!(pieces.end(), Frame::End);
    let mut binary = inside(&served, &served.key);
    binary.sends(0x82, b"{}");
    assert_eq!(binary.end(), Frame::End);
    // A flood of pings, and of wishes whose answers nobody reads, costs only itself.
    let mut flood = inside(&served, &served.key);
    for _ in 0..20_000 {
        flood.sends(0x89, b"ping");
    }
    flood.says(&json!({"watch": MAIN}));
    flood.event(&["snapshot"]);
    let mut wishes = inside(&served, &served.key);
    let flooding = thread::spawn(move || {
        // Until the gateway has as many as it takes.
        (0..20_000).all(|_| wishes.says(&json!({"watch": MAIN})));
        drop(wishes);
    });
    inside(&served, &served.key);
    flooding.join().unwrap();
    drop((whole, pieces, binary, flood));
    served.until(|| served.metric("yabby_event_streams") == 0, "the end of all of them");
    served.until(|| served.metric("yabby_connections") == 1, "their connections");
}

/// The gateway ends while pages are open: they are told so, and it does not wait for them.
#[test]
fn pages_are_told_that_the_gateway_ends() {
    let (_server, home) = desk();
    let mut served = Served::start(&home);
    let mut socket = inside(&served, &served.key);
    let mut events = served.events();
    events.next(&["hello"]);
    served.interrupt();
    assert_eq!(socket.end(), Frame::Close(1001, "the gateway ends".to_owned()));
    assert!(events.ended());
}
