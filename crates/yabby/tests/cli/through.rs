//! A second `yabby up` chats through the Yabby that runs, also where that one speaks TLS.

use std::fs;

use serde_json::Value;
use yabby_gateway::{fingerprint, new_certificate};
use yabby_testkit::ModelServer;

use crate::{
    home::{Home, provider},
    running::Running,
    serve::interrupt,
    tty::Tty,
};

/// A gateway with TLS, and where it listens.
fn served(home: &Home) -> (Running, String) {
    let mut running = home.spawn(&["serve", "--port", "0"]);
    let line = String::from_utf8(running.piece().unwrap()).unwrap();
    let url = line.trim().strip_prefix("Yabby listens on ").unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{line}");
    (running, url)
}

fn home(server: &ModelServer, tls: &str) -> Home {
    let config = provider("box", &server.base_url(), "openai-completions");
    Home::with_config(&config.replacen('{', &format!("{{ gateway: {{ tls: {tls} }}, "), 1))
}

/// Who can be exchanged for a key, and who was.
fn codes(home: &Home) -> Vec<(String, bool)> {
    let exported = home.run(&["store", "export", "-"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let rows = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let codes = rows.filter(|row: &Value| row["t"] == "key_codes");
    let code = |row: Value| {
        (
            row["r"]["name"].as_str().unwrap().to_owned(),
            !row["r"]["key"].is_null(),
        )
    };
    let mut codes: Vec<_> = codes.map(code).collect();
    codes.sort();
    codes
}

#[test]
fn a_chat_goes_on_through_a_gateway_with_a_certificate_of_its_own() {
    let server = ModelServer::start_on_thread();
    let home = home(&server, "{ enabled: true, autoGenerate: true }");
    let (mut running, url) = served(&home);
    server.chat("Through TLS.");
    let mut tty = Tty::run(&home, &["up"]);
    tty.sees(&format!("Yabby runs already at {url}"));
    tty.sees("this chat goes on there");
    tty.sees(&format!("in a browser: {url}/#code="));
    tty.prompt();
    tty.press("hello\r");
    tty.sees("Through TLS.");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    let keys = home.run(&["keys", "list"]).stdout;
    assert!(!keys.contains("terminal"), "{keys}");
    assert_eq!(
        codes(&home),
        [("browser".to_owned(), false), ("terminal".to_owned(), true)]
    );
    interrupt(&mut running);
    assert_eq!(running.ran().code, Some(0));
}

/// It is known by its fingerprint alone, which the one that runs has written down.
#[test]
fn the_certificate_need_not_name_this_machine_and_another_one_is_not_believed() {
    let server = ModelServer::start_on_thread();
    let file = Home::new();
    let own = new_certificate(&["box.example".to_owned()]).unwrap();
    let path = file.write("own.pem", own.expose());
    let home = home(
        &server,
        &format!("{{ enabled: true, certPath: {path:?}, keyPath: {path:?} }}"),
    );
    let (_running, url) = served(&home);
    // Made anew, as by certbot: the one that runs still has the first one.
    let other = new_certificate(&["127.0.0.1".to_owned()]).unwrap();
    file.write("own.pem", other.expose());
    server.chat("To box.example.");
    let mut tty = Tty::run(&home, &["up"]);
    tty.sees("this chat goes on there");
    tty.prompt();
    tty.press("hello\r");
    tty.sees("To box.example.");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    let of_terminal = || codes(&home).iter().filter(|(name, _)| name == "terminal").count();
    assert_eq!(of_terminal(), 1);

    // Somebody else listens there. The lock stays with the file.
    let sign = home.path().join("gateway.json");
    let said = fs::read_to_string(&sign).unwrap();
    let of = |text| fingerprint(text).unwrap();
    assert!(said.contains(&of(own.expose())), "{said}");
    fs::write(&sign, said.replace(&of(own.expose()), &of(other.expose()))).unwrap();
    let mut tty = Tty::run(&home, &["up"]);
    tty.sees(&format!("Yabby runs already at {url}"));
    tty.sees("the Yabby that runs cannot be talked to");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    assert_eq!(of_terminal(), 1, "no code is left over");
}
