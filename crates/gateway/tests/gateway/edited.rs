//! Who may come in follows the config while the gateway serves, with real sockets.

use std::time::Duration;

use tokio::time::timeout;
use yabby_gateway::Exposed;
use yabby_testkit::{ModelServer, script};

use crate::{
    client::{OWNER, Open, ask},
    scene::{CHAT, Scene, chain},
};

/// No change takes longer.
const LONGEST: Duration = Duration::from_secs(10);
const MODELS: &str = "/v1/models";

/// A config with this as its `gateway`.
fn with(gateway: &str) -> String {
    format!("{{gateway: {gateway}}}")
}

async fn status(scene: &Scene, headers: &[(&str, &str)]) -> u16 {
    ask(scene.at, "GET", MODELS, headers, "").await.status
}

async fn with_key(scene: &Scene, key: &str) -> u16 {
    scene.with_key(key, "GET", MODELS, "").await.status
}

#[tokio::test]
async fn pages_and_names_come_and_go_with_the_config() {
    let scene = Scene::with_config("{}").await;
    let named = [("host", "yabby.example")];
    let own = [("origin", "https://yabby.example")];
    let other = [("origin", "https://evil.example")];
    let all = async || {
        let (named, own, other) = (status(&scene, &named), status(&scene, &own), status(&scene, &other));
        [named.await, own.await, other.await]
    };
    assert_eq!(all().await, [421, 403, 403]);
    scene.change(&with("{controlUi: {allowedOrigins: ['https://yabby.example']}}"));
    assert_eq!(all().await, [200, 200, 403]);
    scene.change("{}");
    assert_eq!(all().await, [421, 403, 403]);
}

#[tokio::test]
async fn a_proxy_is_believed_as_long_as_the_config_has_it() {
    let of = |proxies: &str| {
        with(&format!(
            "{{trustedProxies: [{proxies}], auth: {{rateLimit: {{maxAttempts: 2}}}}}}"
        ))
    };
    let scene = Scene::with_config(&of("")).await;
    let from = async |client: &str, key: &str| {
        let bearer = format!("Bearer {key}");
        status(&scene, &[("authorization", &bearer), ("x-forwarded-for", client)]).await
    };
    // This one counts against the address of the connection.
    assert_eq!(from("1.2.3.4", "one").await, 401);
    scene.change(&of("'127.0.0.1'"));
    assert_eq!([from("1.2.3.4", "two").await, from("1.2.3.4", "three").await], [401; 2]);
    assert_eq!([from("1.2.3.4", OWNER).await, from("5.6.7.8", OWNER).await], [429, 200]);
    scene.change(&of(""));
    assert_eq!(from("1.2.3.4", OWNER).await, 200);
    assert_eq!(
        [from("5.6.7.8", "four").await, from("5.6.7.8", OWNER).await],
        [401, 429]
    );
}

#[tokio::test]
async fn whoever_is_locked_out_waits_as_long_as_the_config_says_now() {
    let of = |more: &str| with(&format!("{{auth: {{rateLimit: {{maxAttempts: 2, {more}}}}}}}"));
    let scene = Scene::with_config(&of("")).await;
    assert_eq!([with_key(&scene, "one").await, with_key(&scene, "two").await], [401; 2]);
    let left = async || {
        let answer = scene.get(MODELS).await;
        assert_eq!(answer.status, 429);
        answer.header("retry-after").parse::<u64>().unwrap()
    };
    assert!((200..=300).contains(&left().await));
    scene.change(&of("lockoutMs: 7200000"));
    assert!((7000..=7200).contains(&left().await));
    scene.change(&of("exemptLoopback: true"));
    for key in ["three", "four", "five"] {
        assert_eq!(with_key(&scene, key).await, 401);
    }
    assert_eq!(with_key(&scene, OWNER).await, 200);
    // From here on each of two counts, and none that came before.
    scene.change(&of(""));
    assert_eq!(
        [with_key(&scene, "six").await, with_key(&scene, OWNER).await],
        [401, 200]
    );
    // Fewer are allowed: what has come counts.
    scene.change(&with("{auth: {rateLimit: {maxAttempts: 1}}}"));
    assert_eq!(
        [with_key(&scene, "seven").await, with_key(&scene, OWNER).await],
        [401, 429]
    );
}

#[tokio::test]
async fn what_was_begun_with_a_token_ends_when_it_is_replaced() {
    let server = ModelServer::start().await;
    let models = chain("openai-completions", &[server.base_url()]);
    let of = |auth: &str| models.replacen('{', &format!("{{gateway: {{auth: {{{auth}}}}},"), 1);
    let scene = Scene::with_config(&of("token: 'first-token-of-the-owner'")).await;
    server.default_reply(script![text("Hel"), hang()]);
    let open = async |key: &str| {
        let bearer = format!("Bearer {key}");
        let mut open = Open::send(
            scene.at,
            "POST",
            CHAT,
            &[("authorization", &bearer)],
            r#"{"model":"a/m","stream":true}"#,
        )
        .await;
        open.sees("Hel").await;
        open
    };
    let ended = async |open: Open| !timeout(LONGEST, open.answer()).await.unwrap().whole;
    let known = async || {
        let first = with_key(&scene, "first-token-of-the-owner").await;
        let second = with_key(&scene, "second-token-of-the-owner").await;
        [first, second, with_key(&scene, OWNER).await, with_key(&scene, "").await]
    };
    let (first, mut owners) = (open("first-token-of-the-owner").await, open(OWNER).await);
    assert_eq!(known().await, [200, 401, 200, 401]);
    // The same token in another config ends nothing.
    scene.change(&of("token: 'first-token-of-the-owner', rateLimit: {maxAttempts: 20}"));
    assert_eq!(known().await, [200, 401, 200, 401]);
    scene.change(&of("token: 'second-token-of-the-owner'"));
    assert!(ended(first).await);
    assert_eq!(known().await, [401, 200, 200, 401]);
    // Nobody is asked for a while; who has come in so goes when keys are asked for again.
    scene.change(&of("mode: 'none'"));
    assert_eq!(known().await, [200; 4]);
    let nobodys = open("").await;
    scene.change(&of("token: 'second-token-of-the-owner'"));
    assert!(ended(nobodys).await);
    assert_eq!(known().await, [401, 200, 200, 401]);
    // The key of the first start is none of the config's.
    assert!(timeout(Duration::from_millis(200), owners.sees("never")).await.is_err());
    let calls = server
        .wait_for(|log| log.iter().filter(|call| call.closed_early).count() >= 2)
        .await;
    assert_eq!(calls.iter().filter(|call| call.closed_early).count(), 2);
}

#[tokio::test]
async fn a_gateway_that_others_can_reach_stays_closed() {
    let good = with("{trustedProxies: ['10.0.0.1']}");
    let scene = Scene::listening("0.0.0.0:0", &good, None).await;
    let address = |refused: Result<(), Exposed>| match refused {
        Err(Exposed::Open(at)) => ("open", at.port()),
        Err(Exposed::Unprotected(at)) => ("unprotected", at.port()),
        Ok(()) => ("", 0),
    };
    let port = scene.at.port();
    for (edit, expected) in [
        ("{auth: {mode: 'none'}, trustedProxies: ['10.0.0.1']}", ("open", port)),
        ("{auth: {mode: 'none'}, bind: 'loopback'}", ("open", port)),
        (
            "{controlUi: {allowedOrigins: ['https://yabby.example']}}",
            ("unprotected", port),
        ),
        // It does not speak TLS before it is started anew.
        (
            "{tls: {enabled: true, certPath: '/a.pem', keyPath: '/b.pem'}}",
            ("unprotected", port),
        ),
        ("{trustedProxies: ['10.0.0.2']}", ("", 0)),
    ] {
        let edit = with(edit);
        assert_eq!(address(scene.bears(&edit)), expected, "{edit}");
        scene.change(&edit);
        assert_eq!(status(&scene, &[("authorization", "")]).await, 401, "{edit}");
        assert_eq!(
            status(&scene, &[("origin", "https://yabby.example")]).await,
            403,
            "{edit}"
        );
        assert_eq!(status(&scene, &[]).await, 200, "{edit}");
    }
}
