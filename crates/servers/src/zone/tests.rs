//! Where data would go: by address, by name, by what runs there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use yabby_config::{Environment, load_text};
use yabby_core::{ModelRequest, ZoneRule};
use yabby_testkit::{Fault, ModelServer, ServerKind as Played, dead_port};
use yabby_wire::Dialect;

use super::*;
use crate::{Fleet, Lookup};

const LIMIT: Duration = Duration::from_secs(20);

fn endpoint(base_url: &str, zone: Option<&str>) -> Endpoint {
    let zone = zone.map_or_else(String::new, |zone| format!("zone: '{zone}',"));
    let text = format!("{{models: {{providers: {{p: {{{zone} baseUrl: '{base_url}'}}}}}}}}");
    let loaded = load_text(&text, &Environment::default());
    Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
}

/// A lookup that answers every name with these addresses.
fn resolving(addresses: &[&str]) -> Lookup {
    let found: Vec<SocketAddr> = addresses
        .iter()
        .map(|address| (address.parse::<IpAddr>().unwrap(), 0).into())
        .collect();
    Lookup::with(move |_| {
        let found = found.clone();
        Box::pin(async move { Ok(found) })
    })
}

fn only(zones: &[&str]) -> Zones {
    Zones::default().with(ZoneRule {
        zones: zones.iter().map(|zone| zone.parse().unwrap()).collect(),
        from: "a test".to_owned(),
        ask: false,
    })
}

fn own() -> Zones {
    only(&["machine", "lan"])
}

#[test]
fn the_address_tells() {
    for (url, zone, is_known) in [
        ("http://127.0.0.1:1/v1", "machine", false),
        ("http://0.0.0.0:1/v1", "machine", false),
        ("http://[::1]:1/v1", "machine", false),
        ("http://localhost:1/v1", "machine", false),
        ("http://2130706433:1/v1", "machine", false),
        ("http://[::ffff:127.0.0.1]:1/v1", "machine", false),
        ("http://192.168.1.5:1/v1", "lan", false),
        ("http://10.0.0.1:1/v1", "lan", false),
        ("http://172.31.0.1:1/v1", "lan", false),
        ("http://169.254.1.1:1/v1", "lan", false),
        ("http://100.64.0.1:1/v1", "lan", false),
        ("http://[fd00::1]:1/v1", "lan", false),
        ("http://[fe80::1]:1/v1", "lan", false),
        ("http://nas:1/v1", "lan", false),
        ("http://studio.local:1/v1", "lan", false),
        ("http://box.tail1.ts.net:1/v1", "lan", false),
        ("http://host.docker.internal:1/v1", "lan", false),
        ("http://8.8.8.8/v1", "hosted", true),
        ("http://[2606:4700::1]/v1", "hosted", true),
        ("http://172.32.0.1:1/v1", "hosted", true),
        ("https://llm.example.com/v1", "hosted", false),
        ("https://api.openai.com/v1", "hosted", true),
        ("https://api.anthropic.com/v1", "hosted", true),
        ("https://openrouter.ai/api/v1", "hosted", true),
        ("https://api.mistral.ai/v1", "hosted", false),
        ("https://x.openai.azure.com/v1", "hosted", false),
        ("https://eu.openrouter.ai/api/v1", "region:eu", true),
        ("https://US.openrouter.ai/api/v1", "region:us", true),
        ("https://eu.api.openai.com/v1", "region:eu", true),
        ("https://us.api.openai.com/v1", "region:us", true),
        ("https://api.eu.mistral.ai/v1", "region:eu", true),
        ("https://api.us.mistral.ai/v1", "region:us", true),
        ("http://eu.openrouter.ai/api/v1", "hosted", true),
        ("https://eu.openrouter.ai.example/api/v1", "hosted", false),
        ("https://x.eu.openrouter.ai/api/v1", "hosted", true),
        ("https://jp.api.openai.com/v1", "hosted", true),
    ] {
        let endpoint = endpoint(url, None);
        let found = (endpoint.zone_of("m").to_string(), endpoint.zone_is_known("m"));
        assert_eq!(found, (zone.to_owned(), is_known), "{url}");
    }
}

#[test]
fn the_config_has_the_last_word() {
    for url in [
        "http://127.0.0.1:1/v1",
        "https://api.openai.com/v1",
        "https://eu.openrouter.ai/v1",
    ] {
        for zone in ["machine", "lan", "region:ch", "hosted"] {
            let endpoint = endpoint(url, Some(zone));
            assert_eq!(endpoint.zone_of("x:cloud").to_string(), zone, "{url}");
            assert!(endpoint.zone_is_known("x:cloud"));
        }
    }
}

#[tokio::test]
async fn what_sends_prompts_on_is_hosted() {
    for (kind, model, zone) in [
        (Played::LiteLlm { window: None }, "m", "hosted"),
        (Played::Vllm { max_model_len: 9 }, "gpt-oss:120b-cloud", "machine"),
        (Played::LlamaCpp { window: 9, slots: 1 }, "m", "machine"),
        (Played::Plain, "m", "machine"),
        (
            Played::Ollama {
                allocated: None,
                trained: 9,
            },
            "m",
            "machine",
        ),
    ] {
        let server = ModelServer::start().await;
        server.kind(kind.clone());
        server.models(&[model]);
        let endpoint = endpoint(&server.base_url(), None);
        let http = Http::default();
        let settled = endpoint.settle_zone(&http, "m", &own(), LIMIT).await.unwrap();
        assert_eq!(settled.to_string(), zone, "{kind:?}");
        assert_eq!(endpoint.zone_of(model), settled, "{kind:?}");
        assert!(endpoint.zone_is_known(model), "{kind:?}");
        assert_eq!(server.model_calls().len(), 0, "no prompt");
        let asked = server.requests().len();
        endpoint.settle_zone(&http, model, &own(), LIMIT).await.unwrap();
        assert_eq!(server.requests().len(), asked, "it is known");
    }
}

#[tokio::test]
async fn cloud_models_of_ollama_run_elsewhere() {
    let server = ModelServer::start().await;
    server.kind(Played::Ollama {
        allocated: None,
        trained: 9,
    });
    server.models(&["near:8b", "big:120b-cloud", "mine:latest"]);
    let tags = json!({"models": [
        {"name": "near:8b", "size": 1},
        {"name": "big:120b-cloud", "remote_host": "https://ollama.com:443"},
        {"name": "mine:latest", "remote_host": "https://ollama.com:443"},
    ]});
    server.route("/api/tags", 200, "application/json", tags.to_string());
    for dialect in [Dialect::Chat, Dialect::Ollama] {
        let mut endpoint = endpoint(&server.base_url(), None);
        endpoint.dialect = dialect;
        // A name says enough.
        assert_eq!(endpoint.zone_of("big:120b-cloud"), Zone::Hosted);
        assert_eq!(endpoint.zone_of("glm:CLOUD"), Zone::Hosted);
        assert!(endpoint.zone_is_known("glm:cloud"));
        for (model, zone) in [
            ("near:8b", Zone::Machine),
            ("mine", Zone::Hosted),
            ("mine:latest", Zone::Hosted),
            ("big:120b-cloud", Zone::Hosted),
        ] {
            let settled = endpoint.settle_zone(&Http::default(), model, &own(), LIMIT).await;
            assert_eq!(settled.unwrap(), zone, "{dialect:?} {model}");
        }
    }
}

#[tokio::test]
async fn what_is_outside_is_not_asked_what_it_is() {
    let server = ModelServer::start().await;
    let port = server.addr().port();
    let http = Http::with_lookup(resolving(&["127.0.0.1"]));
    for (url, zones, zone) in [
        (format!("http://nas:{port}/v1"), only(&["machine"]), "lan"),
        (format!("http://llm.example.com:{port}/v1"), only(&["machine"]), "lan"),
        (format!("http://llm.example.com:{port}/v1"), only(&["hosted"]), "hosted"),
        (format!("http://127.0.0.1:{port}/v1"), only(&[]), "machine"),
    ] {
        let settled = endpoint(&url, None).settle_zone(&http, "m", &zones, LIMIT).await;
        assert_eq!(settled.unwrap().to_string(), zone, "{url}");
    }
    server.assert_untouched().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_an_error() {
    let endpoint_at = |port: u16| endpoint(&format!("http://127.0.0.1:{port}/v1"), None);
    let gone = endpoint_at(dead_port().port());
    let error = gone.settle_zone(&Http::default(), "m", &own(), LIMIT).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Refused);

    let server = ModelServer::start().await;
    server.fault(Fault::Unauthorized);
    let locked = endpoint_at(server.addr().port());
    let settled = locked.settle_zone(&Http::default(), "m", &own(), LIMIT).await;
    assert_eq!(settled.unwrap(), Zone::Machine, "it has answered");

    // One that is known, and too busy to tell it again.
    let server = ModelServer::start().await;
    let busy = endpoint_at(server.addr().port());
    let http = Http::default();
    busy.settle_zone(&http, "m", &own(), LIMIT).await.unwrap();
    busy.live.expire();
    server.fault(Fault::HangAllPaths);
    let soon = Duration::from_millis(200);
    assert!(!busy.zone_is_known("m"));
    assert_eq!(busy.settle_zone(&http, "m", &own(), soon).await.unwrap(), Zone::Machine);
    let new = endpoint_at(server.addr().port());
    let error = new.settle_zone(&http, "m", &own(), soon).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Hung);
}

/// Why there is no answer; `None` when there is one.
async fn refused(endpoint: &Endpoint, http: &Http) -> Option<ErrorKind> {
    let request = ModelRequest::default();
    let asked = endpoint.ask(http, Dialect::Chat, "m", &request).await;
    asked.err().map(|error| error.kind)
}

#[tokio::test]
async fn what_counts_as_near_is_reached_at_near_addresses_alone() {
    let server = ModelServer::start().await;
    let port = server.addr().port();
    let outside = Some(ErrorKind::OutOfZone);
    for (host, zone, addresses, error) in [
        ("nas", None, &["127.0.0.1"][..], None),
        ("nas", None, &["0.0.0.0"], None),
        ("nas", None, &["::ffff:127.0.0.1"], None),
        ("studio.local", None, &["203.0.113.7"], outside),
        ("nas", None, &["::ffff:203.0.113.7"], outside),
        ("nas", None, &["2001:db8::7", "203.0.113.7"], outside),
        // A machine of this network may have public addresses too; only the near one is used.
        ("nas", None, &["203.0.113.7", "127.0.0.1"], None),
        ("localhost", None, &["127.0.0.1"], None),
        ("localhost", None, &["192.168.1.5"], outside),
        ("a.localhost", None, &["203.0.113.7"], outside),
        ("llm.example.com", Some("lan"), &["127.0.0.1"], None),
        ("llm.example.com", Some("lan"), &["203.0.113.7"], outside),
        ("llm.example.com", Some("machine"), &["203.0.113.7"], outside),
        ("203.0.113.7", Some("lan"), &["127.0.0.1"], outside),
        ("[2001:db8::7]", Some("machine"), &["127.0.0.1"], outside),
        ("127.0.0.1", Some("hosted"), &["203.0.113.7"], None),
        ("nas", Some("hosted"), &["127.0.0.1"], None),
    ] {
        let http = Http::with_lookup(resolving(addresses));
        let endpoint = endpoint(&format!("http://{host}:{port}/v1"), zone);
        let asked = refused(&endpoint, &http).await;
        assert_eq!(asked, error, "{host} {zone:?} {addresses:?}");
    }
}

#[test]
fn who_may_be_reached_where() {
    for (url, zone, guard) in [
        ("http://localhost/v1", None, Guard::Machine),
        ("http://localhost/v1", Some("lan"), Guard::Machine),
        ("http://nas/v1", None, Guard::Lan),
        ("http://ollama/v1", Some("machine"), Guard::Lan),
        ("http://a.example/v1", Some("lan"), Guard::Lan),
        ("http://a.example/v1", Some("machine"), Guard::Lan),
        ("http://a.example/v1", None, Guard::Open),
        // The owner may say that a name which looks near is far.
        ("http://nas/v1", Some("hosted"), Guard::Open),
        ("http://nas/v1", Some("region:eu"), Guard::Open),
        ("http://localhost/v1", Some("hosted"), Guard::Open),
    ] {
        assert_eq!(endpoint(url, zone).guard(), guard, "{url} {zone:?}");
    }
}

#[tokio::test]
async fn the_error_names_the_fix() {
    let http = Http::with_lookup(resolving(&["203.0.113.7"]));
    let near = endpoint("http://nas:1/v1", None);
    let error = near.settle_zone(&http, "m", &own(), LIMIT).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.english(), error.hint.unwrap().english()),
        (
            ErrorKind::OutOfZone,
            "http://nas:1/v1 counts as near, but its address 203.0.113.7 is not; nothing was sent".to_owned(),
            "set models.providers.p.zone to \"hosted\" if that is meant, or correct baseUrl".to_owned()
        )
    );
}

#[tokio::test]
async fn a_name_that_changes_its_address_leaks_nothing() {
    let server = ModelServer::start().await;
    let url = format!("http://llm.example.com:{}/v1", server.addr().port());
    let calls = Arc::new(AtomicUsize::new(0));
    let address = Arc::new(Mutex::new("127.0.0.1:0"));
    let lookup = {
        let (calls, address) = (Arc::clone(&calls), Arc::clone(&address));
        Lookup::with(move |name| {
            assert_eq!(name, "llm.example.com");
            calls.fetch_add(1, Ordering::Relaxed);
            let found: Vec<SocketAddr> = vec![address.lock().unwrap().parse().unwrap()];
            Box::pin(async move { Ok(found) })
        })
    };
    let http = Http::with_lookup(lookup);
    let endpoint = endpoint(&url, None);
    assert_eq!(endpoint.zone_of("m"), Zone::Hosted);
    assert!(!endpoint.zone_is_known("m"));
    let settled = endpoint.settle_zone(&http, "m", &own(), LIMIT).await.unwrap();
    assert_eq!((settled, endpoint.zone_of("m")), (Zone::Lan, Zone::Lan));
    assert_eq!(refused(&endpoint, &http).await, None);
    assert_eq!(server.model_calls().len(), 1);
    // From now on the name belongs to somebody else.
    *address.lock().unwrap() = "203.0.113.7:0";
    assert_eq!(refused(&endpoint, &http).await, Some(ErrorKind::OutOfZone));
    assert_eq!(refused(&endpoint.clone(), &http).await, Some(ErrorKind::OutOfZone));
    assert!(
        calls.load(Ordering::Relaxed) >= 4,
        "it is looked up for each connection"
    );
}

#[tokio::test]
async fn a_name_is_private_only_when_all_its_addresses_are() {
    for addresses in [
        &["203.0.113.7"][..],
        &["192.168.1.5", "203.0.113.7"],
        &["192.168.1.5", "2001:db8::7"],
        &["::ffff:203.0.113.7"],
        &[],
    ] {
        let http = Http::with_lookup(resolving(addresses));
        let endpoint = endpoint("https://llm.example.com/v1", None);
        let settled = endpoint.settle_zone(&http, "m", &own(), LIMIT).await.unwrap();
        assert_eq!(
            (settled, endpoint.guard()),
            (Zone::Hosted, Guard::Open),
            "{addresses:?}"
        );
    }
    let broken = Lookup::with(|_| Box::pin(async { Err(io::Error::other("no such name")) }));
    let http = Http::with_lookup(broken);
    let endpoint = endpoint("https://llm.example.com/v1", None);
    let settled = endpoint.settle_zone(&http, "m", &own(), LIMIT).await.unwrap();
    assert_eq!(settled, Zone::Hosted);
}

#[tokio::test]
async fn every_replica_is_guarded() {
    let text =
        "{models: {providers: {p: {baseUrl: 'http://nas:1/v1', baseUrls: ['http://far.example:1/v1'], zone: 'lan'}}}}";
    let loaded = load_text(text, &Environment::default());
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    let http = Http::with_lookup(resolving(&["203.0.113.7"]));
    let mut reached = Vec::new();
    for endpoint in fleet.endpoints().filter(|endpoint| endpoint.provider == "p") {
        reached.push(refused(endpoint, &http).await);
    }
    assert_eq!(reached, [Some(ErrorKind::OutOfZone); 2]);
}
