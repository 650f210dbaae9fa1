//! Servers that are off, hang, die or are forbidden, by the real clock and real sockets: how long a person waits, and
//! what a server sees of it.

use std::{
    io::Read as _,
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use yabby_testkit::{Fault, ModelServer, ServerKind, dead_port, script};

use crate::{
    chat::Chat,
    home::{Home, start, watch},
};

const SOON: Duration = Duration::from_secs(1);

/// `near/m` first, then `far/m`.
fn chain(near: &str, far: &ModelServer) -> Home {
    chain_speaking("openai-completions", near, far)
}

fn chain_speaking(api: &str, near: &str, far: &ModelServer) -> Home {
    Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ model: {{ primary: "near/m", fallbacks: ["far/m"] }} }} }},
  models: {{ mode: "replace", providers: {{
    near: {{ baseUrl: "{near}", api: "{api}", models: [{{ id: "m" }}] }},
    far: {{ baseUrl: "{}", api: "{api}", models: [{{ id: "m" }}] }},
  }} }},
}}"#,
        far.base_url()
    ))
}

/// A server that answers with its name.
fn named(name: &str) -> ModelServer {
    let server = ModelServer::start_on_thread();
    server.models(&["m"]);
    server.default_reply(name);
    server
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/v1")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// From the start until a server was asked for an answer.
fn until_asked(begin: Instant, server: &ModelServer) -> Duration {
    server.model_calls()[0].at.into_std().duration_since(begin)
}

/// M1
#[test]
fn m1_a_server_that_is_off_costs_no_time_and_is_used_again_when_it_is_back() {
    let far = named("far");
    let off = dead_port();
    let home = chain(&url(off), &far);
    let begin = Instant::now();
    let ran = home.run(&["ask", "hi"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "far\n"), "{}", ran.stderr);
    let took = until_asked(begin, &far);
    println!("M1: {took:?} from the start of the process to the fallback");
    assert!(took < Duration::from_secs(2), "{took:?}");

    let mut chat = Chat::of(&mut home.command(&["up"]), start);
    assert_eq!(chat.ask("one"), "far\n");
    let begin = Instant::now();
    assert_eq!(chat.ask("two"), "far\n");
    let took = begin.elapsed();
    println!("M1: {took:?} for the second turn");
    assert!(took < SOON, "{took:?}");
    let back = ModelServer::start_on_thread_at(off);
    back.models(&["m"]);
    back.default_reply("near");
    let begin = Instant::now();
    while chat.ask("three") != "near\n" {
        // The first interval of the breaker, and the margin for a busy machine.
        assert!(begin.elapsed() < Duration::from_secs(20), "it is not used again");
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("M1: {:?} until it was used again", begin.elapsed());
    assert_eq!(chat.ask("four"), "near\n");
    let told = chat.leave();
    // Whether it was found out before the first turn or in it.
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("near/m")).collect();
    let [failed, again] = lines.as_slice() else {
        panic!("each is told once: {told}");
    };
    assert!(
        failed.contains("nothing listens") && failed.ends_with("trying far/m"),
        "{told}"
    );
    assert_eq!(*again, "· near/m answers again");
}

/// M2
#[test]
fn m2_a_socket_that_never_answers_costs_ten_seconds_once() {
    let (hung, far) = (named("near"), named("far"));
    hung.fault(Fault::AcceptAndHang);
    let home = chain(&hung.base_url(), &far);
    let mut chat = Chat::of(&mut home.command(&["up"]), start);
    let begin = Instant::now();
    assert_eq!(chat.ask("one"), "far\n");
    let first = begin.elapsed();
    let begin = Instant::now();
    assert_eq!(chat.ask("two"), "far\n");
    let second = begin.elapsed();
    println!("M2: {first:?}, then {second:?}");
    assert!((8..14).contains(&first.as_secs()), "{first:?}");
    assert!(second < Duration::from_secs(3), "{second:?}");
    let told = home.stable(&chat.leave());
    let failed = "· near/m failed (http://127.0.0.1:PORT/v1 gave no sign of life within 4 s); trying far/m";
    // Before that, a line says after eight seconds what is waited for.
    assert_eq!(told.matches(failed).count(), 1, "told once: {told}");
}

/// M13
#[test]
fn m13_an_answer_that_is_reset_is_gone_on_with_and_nothing_is_shown_twice() {
    for api in ["openai-completions", "openai-responses", "anthropic-messages"] {
        let (near, far) = (named("near"), named("far"));
        near.reply(script![text("Half an "), rst()]);
        let home = chain_speaking(api, &near.base_url(), &far);
        far.reply(script![text("answer."), finish("stop")]);
        let ran = home.run(&["ask", "Hello?"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "Half an answer.\n"),
            "{api}: {}",
            ran.stderr
        );
        let asked = far.model_calls();
        assert_eq!(asked.len(), 1, "{api}");
        assert!(
            String::from_utf8_lossy(&asked[0].raw).contains("Half an"),
            "{api}: {}",
            asked[0].body
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                home.stable(&ran.stderr),
                @"· near/m broke off (the connection to http://127.0.0.1:PORT/v1 ended before the answer did); far/m goes on from here"
            );
        }
    }
}

/// M13
#[test]
fn m13_an_answer_that_is_reset_is_kept_when_nobody_can_go_on() {
    let server = named("unused");
    server.reply(script![text("Half an "), rst()]);
    server.default_reply(script![rst()]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(3), "Half an \n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("the answer above is not complete"),
        "{}",
        ran.stderr
    );
    // It is asked to go on, twice.
    assert_eq!(server.model_calls().len(), 3);
}

/// M28
#[test]
fn m28_whoever_interrupts_frees_the_server_within_a_second() {
    for silent in [false, true] {
        let server = ModelServer::start_on_thread();
        if silent {
            server.chat(script![text("On and "), hang()]);
        } else {
            server.chat(script![text("On and "), endless("on ")]);
        }
        let home = Home::with_box(&server.base_url(), "openai-completions");
        let mut running = home.spawn(&["ask", "Hello?"]);
        running.has_printed(7);
        let id = running.child().id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_freed(&server);
        assert_eq!(running.ran().code, Some(130), "silent: {silent}");
    }
}

/// M28
#[test]
fn m28_a_closed_pipe_frees_the_server_within_a_second() {
    for silent in [false, true] {
        let server = ModelServer::start_on_thread();
        if silent {
            server.chat(script![text("On and "), hang()]);
        } else {
            server.chat(script![text("On and "), endless("on ")]);
        }
        let home = Home::with_box(&server.base_url(), "openai-completions");
        let mut child = home.command(&["ask", "Hello?"]).stdin(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let running = watch(child);
        pipe.read_exact(&mut [0; 7]).unwrap();
        drop(pipe);
        assert_freed(&server);
        let ran = running.ran();
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

fn assert_freed(server: &ModelServer) {
    let closed = runtime().block_on(server.wait_closed(SOON));
    assert!(closed, "{} connections are open", server.open_connections());
    assert_eq!(server.busy(), 0);
}

/// A chain of what sends prompts on, what stands outside, and what is near.
fn zones(agents: &str, proxy: &ModelServer, outside: &ModelServer, near: Option<&ModelServer>) -> Home {
    let fallback = near.map_or("", |_| r#", "near/m""#);
    let near = near.map_or_else(String::new, |near| {
        format!(r#"near: {{ baseUrl: "{}", models: [{{ id: "m" }}] }}"#, near.base_url())
    });
    Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ model: {{ primary: "proxy/m", fallbacks: ["outside/m"{fallback}] }}, {agents} }} }},
  models: {{ mode: "replace", providers: {{
    proxy: {{ baseUrl: "{}", models: [{{ id: "m" }}] }},
    outside: {{ baseUrl: "{}", zone: "hosted", models: [{{ id: "m" }}] }},
    {near}
  }} }},
}}"#,
        proxy.base_url(),
        outside.base_url(),
    ))
}

/// M32
#[test]
fn m32_what_is_private_is_sent_to_nobody_who_sends_it_on() {
    for (arguments, agents) in [
        (&["ask", "--private", "hi"][..], ""),
        (&["ask", "hi"], r#"privacy: { zones: ["machine", "lan"] }"#),
    ] {
        let (proxy, outside, near) = (named("proxy"), named("outside"), named("near"));
        proxy.kind(ServerKind::LiteLlm { window: None });
        let home = zones(agents, &proxy, &outside, Some(&near));
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "near\n"), "{}", ran.stderr);
        assert_private(&proxy, &outside);

        // Nobody is left: the error names the rule.
        let (proxy, outside) = (named("proxy"), named("outside"));
        proxy.kind(ServerKind::LiteLlm { window: None });
        let home = zones(agents, &proxy, &outside, None);
        let ran = home.run(&[arguments, &["--json"]].concat());
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_ne!(ran.code, Some(0));
        assert_eq!(told["errors"][0]["kind"], "out_of_zone", "{told}");
        let rule = if agents.is_empty() {
            "--private"
        } else {
            "agents.defaults.privacy.zones"
        };
        assert!(told["errors"][0]["message"].as_str().unwrap().contains(rule), "{told}");
        assert_private(&proxy, &outside);
    }
}

/// The proxy may be asked what it is; its `/health` would call every model.
fn assert_private(proxy: &ModelServer, outside: &ModelServer) {
    let lines: Vec<String> = proxy.requests().iter().map(yabby_testkit::Recorded::line).collect();
    assert_eq!((proxy.model_calls().len(), proxy.asked("/health")), (0, 0), "{lines:?}");
    runtime().block_on(outside.assert_untouched());
}
