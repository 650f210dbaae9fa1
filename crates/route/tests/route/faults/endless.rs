//! Servers without an end, and chains in which everything is broken: M23 and M30 in the worst case, M34.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use yabby_core::{ErrorKind as E, Phase};
use yabby_testkit::{Dialect, Fault, ModelServer, Refusal, Reply, ServerKind, dead_url, script, step};

use super::world::{World, playing, seconds};
use crate::{live::clock::fast, scene::hello};

/// A server that answers every connection with these bytes, and then with these again and again, with a pause between.
async fn pouring(first: &'static [u8], again: &'static [u8], pause: Duration) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(first).await;
                while socket.write_all(again).await.is_ok() {
                    if pause.is_zero() {
                        tokio::task::yield_now().await;
                    } else {
                        tokio::time::sleep(pause).await;
                    }
                }
            });
        }
    });
    (url, tasks)
}

/// A letter of a header each second, on every path: no sign of life.
#[tokio::test]
async fn m34_a_head_that_never_ends_is_no_sign_of_life() {
    fast(async {
        let (url, _tasks) = pouring(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a", seconds(1)).await;
        let other = ModelServer::start().await;
        let world = World::at(&[url, other.base_url()], "");
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![E::Hung]));
        assert!(turn.took >= seconds(8) && turn.took < seconds(12), "{:?}", turn.took);
        assert!(!world.is_closed("p0"));
        let again = world.turn(hello()).await;
        assert!(again.took < seconds(1) && again.whole() == "ok", "{:?}", again.took);
    })
    .await;
}

/// Headers without end, as fast as they come, are not kept.
#[tokio::test]
async fn m34_headers_without_end_are_refused() {
    let (url, _tasks) = pouring(b"HTTP/1.1 200 OK\r\n", &[b'a'; 8192], Duration::ZERO).await;
    let other = ModelServer::start().await;
    let world = World::at(&[url, other.base_url()], "");
    let turn = world.turn(hello()).await;
    assert_eq!(turn.whole(), "ok");
    let [error] = turn.errors().try_into().unwrap();
    assert_eq!((error.kind, error.phase), (E::Interrupted, Phase::Head));
}

/// What is wrong is known from the status; the rest of the body is not read.
#[tokio::test]
async fn m34_an_error_without_end_is_read_for_two_seconds_at_most() {
    fast(async {
        let head = b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\noh";
        for (again, pause) in [(&b"o"[..], seconds(1)), (&[b'o'; 8192][..], Duration::ZERO)] {
            let (url, _tasks) = pouring(head, again, pause).await;
            let other = ModelServer::start().await;
            let world = World::at(&[url, other.base_url()], "");
            let turn = world.turn(hello()).await;
            assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![E::Server]));
            assert!(turn.took < seconds(4), "{:?}", turn.took);
        }
    })
    .await;
}

/// Text without end: to the time of the provider, and not a byte is kept after that.
#[tokio::test]
async fn m34_text_without_end_ends_with_the_time() {
    fast(async {
        let (server, other) = (ModelServer::start().await, ModelServer::start().await);
        server.chat(script![endless("on and ")]);
        let world = World::with_config(&format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: ['p1/m'] }} }} }}, models: {{ providers: {{
                p0: {{ baseUrl: '{}', timeoutSeconds: 2, models: [{{ id: 'm' }}] }},
                p1: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }} }} }} }}",
            server.base_url(),
            other.base_url()
        ));
        other.chat("so on.");
        let turn = world.turn(hello()).await;
        // The next one ends it.
        assert!(turn.whole().ends_with("on and so on."), "{:?}", turn.kinds());
        assert_eq!(turn.kinds(), [E::Timeout]);
        assert!(turn.took < seconds(4), "{:?}", turn.took);
        assert!(server.wait_closed(seconds(1)).await);
    })
    .await;
}

/// Nothing but thoughts without end are no answer either.
#[tokio::test]
async fn m34_thoughts_without_end_end_with_the_time() {
    fast(async {
        let server = ModelServer::start().await;
        let thinking = (0..4000).flat_map(|_| [step::sleep_ms(500), step::reasoning("Hm. ")]);
        server.chat(Reply::from(thinking.collect::<Vec<_>>()));
        let other = ModelServer::start().await;
        let world = World::of(&[&server, &other], "");
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![E::Timeout]));
        assert!(turn.took >= seconds(599) && turn.took < seconds(602), "{:?}", turn.took);
        assert!(server.wait_closed(seconds(1)).await);
    })
    .await;
}

/// Only the end of the thoughts is marked, since the template has opened them in the prompt; the config says that this
/// model reasons.
#[tokio::test]
async fn m23_thoughts_that_begin_in_the_prompt_are_not_shown() {
    let server = playing(ServerKind::LlamaCpp { window: 4096, slots: 1 }).await;
    let world = World::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: 'p0/m' }} }}, models: {{ providers: {{
            p0: {{ baseUrl: '{}', models: [{{ id: 'm', reasoning: true }}] }} }} }} }}",
        server.base_url()
    ));
    let letters = |words: &str| -> Reply {
        words
            .chars()
            .map(|c| step::text(c.to_string()))
            .collect::<Vec<_>>()
            .into()
    };
    server.chat(letters("They greet me, so <b>.\n</think>\n\nHello."));
    assert_eq!(world.turn(hello()).await.whole(), "Hello.");
    // It did not think this time.
    server.chat(letters("Hello again."));
    assert_eq!(world.turn(hello()).await.whole(), "Hello again.");
}

/// Each is asked, each is named with what it says and what to do about it, and the whole is over in a minute.
#[tokio::test]
async fn m30_a_chain_in_which_everything_is_broken() {
    fast(async {
        let html = Fault::HtmlWith200;
        let status =
            |status: u16, words: &str| Fault::Status(status, format!(r#"{{"error":{{"message":"{words}"}}}}"#));
        let faults: Vec<(Fault, E)> = vec![
            (Fault::AcceptAndHang, E::Hung),
            (Fault::Unauthorized, E::Auth),
            (status(403, "no"), E::Auth),
            (status(402, "no"), E::Billing),
            (Fault::ModelNotFound, E::ModelNotFound),
            (Fault::RateLimit { retry_after: None }, E::RateLimit),
            (
                Fault::RateLimit {
                    retry_after: Some(seconds(40)),
                },
                E::RateLimit,
            ),
            (Fault::Overloaded, E::Overloaded),
            (status(500, "no"), E::Server),
            (status(400, "no"), E::BadRequest),
            (status(400, "the model does not support tools"), E::UnsupportedFeature),
            (status(400, "Unknown parameter: 'messages'."), E::UnsupportedField),
            (status(500, "Failed to parse input at pos 0"), E::ToolParser),
            (status(404, "no models loaded"), E::NotLoaded),
            (html, E::NotAnApi),
            (Fault::Reset, E::Interrupted),
            (Fault::DieAfter(0), E::Interrupted),
            (
                Fault::Overflow {
                    dialect: Dialect::LlamaCpp,
                    prompt: 9000,
                    window: 4096,
                },
                E::ContextOverflow,
            ),
            (
                Fault::Refuses(Refusal::Field("messages".to_owned())),
                E::UnsupportedField,
            ),
            (Fault::HugeLine(20 << 20), E::Malformed),
        ];
        let mut servers = Vec::new();
        for (fault, _) in &faults {
            let server = ModelServer::start().await;
            server.fault(fault.clone());
            servers.push(server);
        }
        let silent = ModelServer::start().await;
        silent.default_reply(script![finish("stop")]);
        let mut urls: Vec<String> = servers.iter().map(ModelServer::base_url).collect();
        urls.extend([silent.base_url(), dead_url()]);
        let world = World::at(&urls, "");
        let turn = world.turn(hello()).await;
        let failure = turn.end.as_ref().unwrap_err();
        let expected: Vec<E> = faults
            .iter()
            .map(|(_, kind)| *kind)
            .chain([E::Empty, E::Refused])
            .collect();
        assert_eq!(turn.kinds(), expected);
        let models: Vec<String> = failure.errors.iter().map(|(model, _)| model.to_string()).collect();
        let all: Vec<String> = (0..urls.len()).map(|at| format!("p{at}/m")).collect();
        assert_eq!((&models, &turn.tried), (&all, &all));
        assert_eq!((failure.partial.as_str(), turn.shown().as_str()), ("", ""));
        // One line for each that was passed over.
        assert_eq!(turn.notices.len(), urls.len() - 1, "{:#?}", turn.notices);
        assert!(turn.took < seconds(60), "{:?}", turn.took);
        let asked: Vec<usize> = servers.iter().map(|server| server.model_calls().len()).collect();
        assert!(asked.iter().all(|count| *count <= 3), "{asked:?}");
        for (at, server) in servers.iter().enumerate() {
            assert!(server.wait_closed(seconds(2)).await, "p{at}");
        }
    })
    .await;
}
