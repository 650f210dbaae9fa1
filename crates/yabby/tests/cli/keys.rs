//! `yabby keys`, and the gateway that asks for them.

use std::{fs, io::Read as _, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::Value;
use yabby_testkit::ModelServer;

use crate::{
    home::{Home, Ran},
    serve::{ask, interrupt, started, status},
};

const ASK: &str = r#"{"model":"box/m1","messages":[]}"#;

/// A text without what differs between runs: ids, secrets, times.
fn stable(home: &Home, text: &str, ids: &[&str]) -> String {
    let text = ids
        .iter()
        .fold(home.stable(text), |text, id| text.replace(id, "SOME-ID..."));
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("yk_") {
        out += &rest[..at];
        out += "SECRET";
        rest = &rest[at + "yk_".len()..];
        rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    }
    out += rest;
    let is_time = |word: &str| word.len() == 16 && word.as_bytes()[4] == b'-' && word.as_bytes()[13] == b':';
    let mut times = out.clone();
    for at in 0..out.len() {
        if let Some(word) = out.get(at..at + 16)
            && is_time(word)
        {
            times.replace_range(at..at + 16, "YYYY-MM-DD HH:MM");
        }
    }
    times
}

fn add(home: &Home, arguments: &[&str]) -> Value {
    let arguments = [&["keys", "add", "--json"], arguments].concat();
    let Ran { code, stdout, stderr } = home.run(&arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let home = Home::with_config("{}").var("TZ", "UTC0");
    let none = home.run(&["keys", "list"]);
    insta::assert_snapshot!(none.stderr, @"· there are no keys yet; make one with: yabby keys add --name NAME");
    let ran = home.run(&["keys", "add", "--name", "phone"]);
    assert_eq!(ran.code, Some(0));
    // Alone on standard output, for a pipe.
    assert_eq!(
        (ran.stdout.lines().count(), ran.stdout.trim().len()),
        (1, 46),
        "{}",
        ran.stdout
    );
    let listed: Value = serde_json::from_str(&home.run(&["keys", "list", "--json"]).stdout).unwrap();
    let phone = listed["keys"][0]["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(stable(&home, &ran.stderr, &[&phone]));
    let made = add(
        &home,
        &[
            "--name",
            "筆電",
            "--models",
            "lm/*,Opus",
            "--agents",
            "main",
            "--budget",
            "0.5",
            "--rate",
            "60",
            "--zone",
            "Region:EU",
            "--operate",
            "--days",
            "30",
        ],
    );
    let laptop = made["id"].as_str().unwrap();
    let mut shown = made.clone();
    for key in ["id", "key", "createdAt", "expiresAt"] {
        assert!(!shown[key].take().is_null(), "{key}");
    }
    insta::assert_snapshot!(shown);
    let ids = [phone.as_str(), laptop];
    let list = home.run(&["keys", "list"]).stdout;
    insta::assert_snapshot!(stable(&home, &list, &ids));
    // Its beginning is enough, where it is the only one.
    let ran = home.run(&["keys", "revoke", &laptop[..6]]);
    insta::assert_snapshot!(stable(&home, &ran.stderr, &ids));
    for (arguments, code) in [
        (&["keys", "revoke", ""][..], Some(2)),
        (&["keys", "revoke", "nobody"], Some(2)),
        (&["keys", "add", "--budget", "-1"], Some(2)),
        (&["keys", "add", "--zone", "moon"], Some(2)),
        (&["keys", "revoke", laptop], Some(0)),
    ] {
        assert_eq!(home.run(arguments).code, code, "{arguments:?}");
    }
    let list = home.run(&["keys", "list"]).stdout;
    assert!(list.contains("phone") && !list.contains("筆電"), "{list}");
    let home = home.var("YABBY_LANG", "zh-TW");
    let list = home.run(&["keys", "list", "--all"]).stdout;
    insta::assert_snapshot!(stable(&home, &list, &ids));
    // The secrets are kept nowhere.
    let secret = made["key"].as_str().unwrap();
    for file in fs::read_dir(home.path().join("store"))
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(
            !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
            "{file:?}"
        );
    }
}

#[test]
fn a_running_gateway_takes_a_key_and_lets_it_go() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let (_running, address) = started(&home);
    let made = add(&home, &["--name", "laptop"]);
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    // Whoever asks while the key is taken back may be told nothing.
    let told = || {
        let mut answer = String::new();
        ask(&address, key, ASK).read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse::<u16>().ok()
    };
    let reached = |wanted: u16| {
        for _ in 0..400 {
            if told() == Some(wanted) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("never {wanted}");
    };
    reached(200);
    home.run(&["keys", "revoke", id]);
    reached(401);
}

#[test]
fn the_owners_key_is_made_once_and_belongs_to_its_owner() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let path = home.path().join("gateway-token");
    let (running, address) = started(&home);
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(status(&address, key.trim(), ASK), 200);
    for wrong in ["", "wrong"] {
        assert_eq!(status(&address, wrong, ASK), 401);
    }
    drop(running);
    let (running, _) = started(&home);
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
    drop(running);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = home.run(&["serve", "--port", "0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    error: others may read the key of the gateway in HOME/gateway-token
    hint: it may be known already: remove it, and the next start makes a new one: rm HOME/gateway-token
    ");
}

#[test]
fn the_config_and_the_environment_have_keys_of_the_owner_too() {
    let server = ModelServer::start_on_thread();
    let provider = crate::home::provider("box", &server.base_url(), "openai-completions");
    let with = |gateway: &str| Home::with_config(&provider.replacen('{', &format!("{{ gateway: {gateway}, "), 1));
    let home = with("{ auth: { token: '${GATE}' } }").var("GATE", "a-token-of-the-config");
    let (_running, address) = started(&home);
    assert_eq!(status(&address, "a-token-of-the-config", ASK), 200);
    let home = with("{}").var("OPENCLAW_GATEWAY_TOKEN", "a-token-of-openclaw");
    let (_running, address) = started(&home);
    assert_eq!(status(&address, "a-token-of-openclaw", ASK), 200);
    let home =
        with("{ auth: { mode: 'password', password: 'a-password' } }").var("YABBY_GATEWAY_TOKEN", "not-this-one");
    let (_running, address) = started(&home);
    assert_eq!(status(&address, "a-password", ASK), 200);
    assert_eq!(status(&address, "not-this-one", ASK), 401);
}

#[test]
fn a_link_lets_a_browser_in() {
    let home = Home::with_config("{ gateway: { port: 18999 } }");
    let ran = home.run(&["keys", "link"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(stable(&home, &format!("{}{}", ran.stdout, ran.stderr), &[]), @r"
    http://127.0.0.1:PORT/#code=SECRET
    · it lets one browser in, within ten minutes, as you: give it to nobody
    ");
}

/// The gateway may listen elsewhere than the config says.
#[test]
fn a_link_leads_to_the_gateway_that_runs() {
    let home = Home::with_config("{ gateway: { port: 18999 }, models: { mode: 'replace', providers: {} } }");
    let link = || home.run(&["keys", "link"]).stdout;
    let file = home.path().join("gateway.json");
    let (mut running, address) = started(&home);
    assert!(link().starts_with(&format!("http://{address}/#code=")), "{}", link());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // What a killed one has left says nothing.
    running.child().kill().unwrap();
    running.child().wait().unwrap();
    assert!(file.exists());
    assert!(link().starts_with("http://127.0.0.1:18999/#code="), "{}", link());
    // The next one has it for itself.
    let (mut running, address) = started(&home);
    assert!(link().starts_with(&format!("http://{address}/#code=")), "{}", link());
    interrupt(&mut running);
    assert_eq!(running.ran().code, Some(0));
    assert!(!file.exists());
}

#[test]
fn beyond_this_machine_it_is_not_served_in_the_open() {
    let home = Home::with_config("{ gateway: { bind: 'lan' }, models: { mode: 'replace', providers: {} } }");
    let ran = home.run(&["serve", "--port", "0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ran.stderr, @r"
    error: the gateway does not listen on 0.0.0.0:0: others on the network could read your keys and all that is said
    hint: set gateway.tls with a certificate, or gateway.trustedProxies to the proxy that has one; or gateway.bind to loopback
    ");
    let home = Home::with_config(
        "{ gateway: { tls: { enabled: true, certPath: '/c.pem' } }, models: { mode: 'replace', providers: {} } }",
    );
    let ran = home.run(&["serve", "--port", "0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr));
}
