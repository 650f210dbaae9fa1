//! Who may come in, with real sockets. The cases are those of a threat model: wrong keys, keys that are taken back, codes.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use yabby_store::{Key, KeyHash, KeyKind, Keys, NewCode, NewKey, NewSecret, Place, Scopes, new_secret};
use yabby_testkit::{ModelServer, script};

use crate::{
    client::{OWNER, Open, ask},
    scene::{CHAT, Scene, chain},
};

const ASK: &str = r#"{"model":"a/m"}"#;

/// Keys in a folder of their own.
pub(crate) struct Kept {
    pub(crate) keys: Keys,
    _folder: TempDir,
}

impl Kept {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().join("store"));
        Self {
            keys: Keys::open(&place).await.unwrap(),
            _folder: folder,
        }
    }

    /// The same keys as another process has them.
    pub(crate) async fn elsewhere(&self) -> Keys {
        Keys::open(&Place::Folder(self.keys.folder().to_owned())).await.unwrap()
    }

    pub(crate) async fn add(&self, scopes: Scopes) -> (NewSecret, Key) {
        let new = new_secret().unwrap();
        let key = NewKey {
            id: new.id.clone(),
            name: "laptop".to_owned(),
            hash: new.hash,
            kind: KeyKind::Client,
            scopes,
            expires_at: None,
        };
        let key = self.keys.add(key).await.unwrap();
        (new, key)
    }
}

#[tokio::test]
async fn without_a_key_nobody_comes_in_not_even_from_this_machine() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    for (path, body) in [
        (
            CHAT,
            json!({"error": {"message": "", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}),
        ),
        (
            "/v1/responses",
            json!({"error": {"message": "", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}),
        ),
        (
            "/v1/messages",
            json!({"type": "error", "error": {"type": "authentication_error", "message": ""}}),
        ),
    ] {
        for key in ["", "wrong"] {
            let answer = scene.with_key(key, "POST", path, ASK).await;
            let mut told = answer.json();
            let message = told["error"]["message"].take();
            assert!(message.as_str().unwrap().contains("yabby keys add"), "{message}");
            told["error"]["message"] = "".into();
            assert_eq!((answer.status, told), (401, body.clone()), "{path} {key:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"yabby\"");
        }
    }
    for path in ["/v1/models", "/metrics", "/api/anything", "/nothing"] {
        assert_eq!(scene.with_key("", "GET", path, "").await.status, 401, "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(scene.with_key("", "GET", path, "").await.status, 200, "{path}");
    }
    assert!(server.model_calls().is_empty());
    // Nothing of a body has to come for that.
    let large = [("authorization", ""), ("content-length", "33554432")];
    let open = Open::send(scene.at, "POST", CHAT, &large, "").await;
    assert_eq!(open.answer().await.status, 401);
}

#[tokio::test]
async fn a_key_comes_in_the_ways_of_both_apis_and_in_no_other() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let bearer = format!("Bearer {OWNER}");
    let lower = format!("bearer {OWNER}");
    let cookie = format!("authorization={OWNER}; key={OWNER}");
    for (headers, path, status) in [
        (&[("authorization", bearer.as_str())][..], CHAT, 200),
        (&[("authorization", lower.as_str())], CHAT, 200),
        (&[("x-api-key", OWNER)], CHAT, 200),
        (&[("authorization", bearer.as_str()), ("x-api-key", OWNER)], CHAT, 200),
        (&[("authorization", bearer.as_str()), ("x-api-key", "other")], CHAT, 401),
        (&[("authorization", "Basic b3duZXI6eA==")], CHAT, 401),
        (&[("authorization", ""), ("cookie", cookie.as_str())], CHAT, 401),
        (
            &[
                ("authorization", ""),
                ("referer", "http://127.0.0.1/?key=the-owner-of-the-scene"),
            ],
            "/v1/chat/completions?key=the-owner-of-the-scene&token=the-owner-of-the-scene",
            401,
        ),
    ] {
        let answer = ask(scene.at, "POST", path, headers, ASK).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.text());
        assert_eq!(answer.header("set-cookie"), "");
    }
    // The key of a client never goes on.
    for call in server.model_calls() {
        assert!(!format!("{call:?}").contains(OWNER));
    }
}

#[tokio::test]
async fn too_many_wrong_keys_lock_an_address_out() {
    let server = ModelServer::start().await;
    let config = chain("openai-completions", &[server.base_url()]);
    let config = config.replacen('{', r#"{"gateway":{"auth":{"rateLimit":{"maxAttempts":3}}},"#, 1);
    let scene = Scene::with_config(&config).await;
    // An old key, again and again, guesses nothing.
    for _ in 0..20 {
        assert_eq!(scene.with_key("old", "POST", CHAT, ASK).await.status, 401);
    }
    assert_eq!(scene.post(CHAT, ASK).await.status, 200);
    // A made-up address behind a proxy that nobody knows makes no difference; nor does another kind of key beside a wrong one.
    let forwarded = [("authorization", "Bearer second"), ("x-forwarded-for", "9.9.9.9")];
    assert_eq!(ask(scene.at, "POST", CHAT, &forwarded, ASK).await.status, 401);
    let two = [("authorization", "Bearer third"), ("x-api-key", OWNER)];
    assert_eq!(ask(scene.at, "POST", CHAT, &two, ASK).await.status, 401);
    let spoofed = [("x-forwarded-for", "8.8.8.8")];
    for headers in [&[][..], &spoofed, &two] {
        let answer = ask(scene.at, "POST", CHAT, headers, ASK).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (429, Some("locked_out")),
            "{headers:?}"
        );
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((290..=300).contains(&seconds), "{seconds}");
    }
    // From another address the right key counts.
    #[cfg(target_os = "linux")]
    {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        let stream = socket.connect(scene.at).await.unwrap();
        let answer = Open::on(stream, scene.at, "POST", CHAT, &[], ASK).await.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn behind_a_proxy_the_address_is_the_clients() {
    let server = ModelServer::start().await;
    let config = chain("openai-completions", &[server.base_url()]);
    let gateway = r#"{"gateway":{"trustedProxies":["127.0.0.1"],"auth":{"rateLimit":{"maxAttempts":1}}},"#;
    let scene = Scene::with_config(&config.replacen('{', gateway, 1)).await;
    let from = async |client: &str, key: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", client)];
        ask(scene.at, "POST", CHAT, &headers, ASK).await.status
    };
    assert_eq!(from("1.2.3.4", "wrong").await, 401);
    assert_eq!(from("1.2.3.4", OWNER).await, 429);
    // What the client has written itself stands before what the proxy has.
    assert_eq!(from("7.7.7.7, 1.2.3.4", OWNER).await, 429);
    assert_eq!(from("1.2.3.4, 5.6.7.8", OWNER).await, 200);
}

#[tokio::test]
async fn a_key_that_is_taken_back_ends_within_a_second_wherever_it_is() {
    let server = ModelServer::start().await;
    let kept = Kept::new().await;
    let (new, key) = kept.add(Scopes::default()).await;
    let (stays, _) = kept.add(Scopes::default()).await;
    let scene = Scene::with_keys(
        &chain("openai-completions", &[server.base_url()]),
        Some(kept.keys.clone()),
    )
    .await;
    assert_eq!(scene.with_key(new.secret.expose(), "POST", CHAT, ASK).await.status, 200);
    server.default_reply(script![text("Hel"), hang()]);
    let open = async |secret: &NewSecret| {
        let bearer = format!("Bearer {}", secret.secret.expose());
        let headers = [("authorization", bearer.as_str())];
        let mut open = Open::send(scene.at, "POST", CHAT, &headers, r#"{"model":"a/m","stream":true}"#).await;
        open.sees("Hel").await;
        open
    };
    let (ends, mut goes_on) = (open(&new).await, open(&stays).await);
    // By another process.
    kept.elsewhere().await.revoke(&key.made.id).await.unwrap();
    let revoked = Instant::now();
    let answer = timeout(Duration::from_secs(10), ends.answer()).await.unwrap();
    assert!(
        !answer.whole && revoked.elapsed() < Duration::from_secs(1),
        "{:?}",
        revoked.elapsed()
    );
    assert_eq!(
        scene
            .with_key(new.secret.expose(), "GET", "/v1/models", "")
            .await
            .status,
        401
    );
    assert_eq!(
        scene
            .with_key(stays.secret.expose(), "GET", "/v1/models", "")
            .await
            .status,
        200
    );
    // What it was used for is free again, and others are not concerned.
    let calls = server
        .wait_for(|log| log.iter().any(|call| call.path == CHAT && call.closed_early))
        .await;
    assert_eq!(calls.iter().filter(|call| call.closed_early).count(), 1);
    assert!(
        timeout(Duration::from_millis(200), goes_on.sees("never"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn keys_that_are_made_meanwhile_count_and_end_in_time() {
    let kept = Kept::new().await;
    let scene = Scene::with_keys("{}", Some(kept.keys.clone())).await;
    let elsewhere = kept.elsewhere().await;
    let new = new_secret().unwrap();
    let now = yabby_core::Time::from(std::time::SystemTime::now());
    let key = NewKey {
        id: new.id.clone(),
        name: "short".to_owned(),
        hash: new.hash,
        kind: KeyKind::Client,
        scopes: Scopes::default(),
        expires_at: Some(now + Duration::from_secs(3)),
    };
    elsewhere.add(key).await.unwrap();
    let status = async || {
        scene
            .with_key(new.secret.expose(), "GET", "/v1/models", "")
            .await
            .status
    };
    for wanted in [200, 401] {
        let reached = async {
            while status().await != wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(8), reached).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_lets_one_browser_in_once() {
    let kept = Kept::new().await;
    let scene = Scene::with_keys("{}", Some(kept.keys.clone())).await;
    let code = new_secret().unwrap();
    let new = NewCode {
        hash: code.hash,
        name: "phone".to_owned(),
        scopes: Scopes::all(),
    };
    kept.keys.new_code(new).await.unwrap();
    let body = json!({"code": code.secret.expose()}).to_string();
    let sign_in = async |content_type: &str, body: &str| {
        let headers = [("authorization", ""), ("content-type", content_type)];
        ask(scene.at, "POST", "/api/sign-in", &headers, body).await
    };
    // What a page from elsewhere could send without asking is refused, and uses nothing up.
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        assert_eq!(sign_in(content_type, &body).await.status, 415, "{content_type}");
    }
    for wrong in ["{}", "", r#"{"code":1}"#, r#"{"code":"x","scopes":{"operate":true}}"#] {
        assert_eq!(sign_in("application/json", wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(sign_in("application/json", &" ".repeat(5000)).await.status, 413);
    assert_eq!(sign_in("application/json", r#"{"code":"wrong"}"#).await.status, 401);
    let answer = sign_in("application/json; charset=utf-8", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (answer.header("cache-control"), answer.header("set-cookie")),
        ("no-store", "")
    );
    let key = answer.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(sign_in("application/json", &body).await.status, 401);
    let kept = kept.keys.list().await.unwrap();
    assert_eq!(
        (
            kept.len(),
            kept[0].made.kind,
            kept[0].made.hash,
            kept[0].made.id.as_str()
        ),
        (
            1,
            KeyKind::Device,
            KeyHash::of(key.as_bytes()),
            answer.json()["id"].as_str().unwrap()
        )
    );
    assert_eq!(scene.with_key(&key, "GET", "/metrics", "").await.status, 200);
    // The owner's key comes in the same way; the browser's is one of its own, which signing out revokes.
    let body = json!({"token": OWNER}).to_string();
    let answer = sign_in("application/json", &body).await.json();
    let other = answer["key"].as_str().unwrap().to_owned();
    assert_ne!(other, key);
    for wrong in [r#"{"token":"wrong"}"#, r#"{"token":""}"#] {
        assert_eq!(sign_in("application/json", wrong).await.status, 401, "{wrong}");
    }
    let me = scene.with_key(&other, "GET", "/api/me", "").await.json();
    assert_eq!(
        (me["name"].as_str(), me["kind"].as_str()),
        (Some("browser"), Some("device"))
    );
    assert_eq!(scene.with_key(&other, "POST", "/api/sign-out", "").await.status, 200);
    let gone = async {
        while scene.with_key(&other, "GET", "/metrics", "").await.status != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(1), gone).await.unwrap();
    assert_eq!(scene.with_key("", "GET", "/api/sign-in", "").await.status, 405);
}

#[tokio::test]
async fn without_auth_nobody_is_asked_and_pages_stay_outside() {
    let server = ModelServer::start().await;
    let config = chain("openai-completions", &[server.base_url()]);
    let scene = Scene::with_config(&config.replacen('{', r#"{"gateway":{"auth":{"mode":"none"}},"#, 1)).await;
    for key in ["", "whatever"] {
        for _ in 0..20 {
            assert_eq!(scene.with_key(key, "GET", "/v1/models", "").await.status, 200);
        }
    }
    let foreign = [("origin", "https://evil.example"), ("content-type", "text/plain")];
    assert_eq!(ask(scene.at, "POST", CHAT, &foreign, ASK).await.status, 403);
    assert!(server.model_calls().is_empty());
}

#[tokio::test]
async fn a_browser_that_asks_several_times_at_once_is_known_each_time() {
    let kept = Kept::new().await;
    let scene = Scene::with_keys("{}", Some(kept.keys.clone())).await;
    let elsewhere = kept.elsewhere().await;
    for name in ["one", "two", "three"] {
        let new = new_secret().unwrap();
        let key = NewKey {
            id: new.id.clone(),
            name: name.to_owned(),
            hash: new.hash,
            kind: KeyKind::Client,
            scopes: Scopes::default(),
            expires_at: None,
        };
        elsewhere.add(key).await.unwrap();
        let ask = || scene.with_key(new.secret.expose(), "GET", "/v1/models", "");
        let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
        assert_eq!([a, b, c, d].map(|answer| answer.status), [200; 4], "{name}");
    }
}
