//! `web_search`, and what the tools say of themselves.

use std::sync::Arc;

use serde_json::{Value, json};
use yabby_core::Secret;

use super::{
    FetchSettings, Lookup, at, object,
    site::{Site, html, moved, page},
};
use crate::{
    At, Output, Tool, ToolError,
    web::{Brave, Provider, SearchSettings, Searxng, WebSearch, tools},
};

async fn search(provider: Provider, arguments: Value, room: usize) -> Result<Output, ToolError> {
    let settings = SearchSettings {
        provider: Some(provider),
        ..SearchSettings::default()
    };
    let tool = WebSearch::new(settings, Lookup::default()).unwrap();
    let at = At { room, ..at(0) };
    let first = tool.run(&object(arguments.clone()), &at).await;
    // What was found is kept: the server is asked once.
    assert_eq!(tool.run(&object(arguments), &at).await, first);
    first
}

fn searxng(site: &Site, path: &str) -> Provider {
    Provider::Searxng(Searxng {
        base_url: site.url(path),
        ..Searxng::default()
    })
}

fn brave(site: &Site) -> Provider {
    Provider::Brave(Brave {
        base_url: site.url(""),
        ..Brave::new(Secret::new("BSA-canary"))
    })
}

#[tokio::test]
async fn the_web_is_searched() {
    let site = Site::start([
        (
            "/search",
            page(
                200,
                "application/json",
                include_bytes!("../../../fixtures/web/searxng.json"),
            ),
        ),
        (
            "/res/v1/web/search",
            page(
                200,
                "application/json",
                include_bytes!("../../../fixtures/web/brave.json"),
            ),
        ),
    ])
    .await;
    let query = json!({"query": "bee navigation", "count": 2});
    let found = search(searxng(&site, ""), query.clone(), 8_000).await.unwrap();
    insta::assert_snapshot!("searxng", found.text);
    assert_eq!(
        found.summary.map(|summary| summary.english()).as_deref(),
        Some("2 found")
    );
    let found = search(brave(&site), query.clone(), 8_000).await.unwrap();
    insta::assert_snapshot!("brave", found.text);
    let found = search(brave(&site), query, 100).await.unwrap();
    assert_eq!(
        found.summary.map(|summary| summary.english()).as_deref(),
        Some("1 found")
    );
    let requests = site.requests();
    assert_eq!(
        requests,
        [
            "GET /search?q=bee+navigation&format=json HTTP/1.1",
            "GET /res/v1/web/search?q=bee+navigation&count=2&text_decorations=false HTTP/1.1",
            "GET /res/v1/web/search?q=bee+navigation&count=2&text_decorations=false HTTP/1.1",
        ]
    );
    let heads = site.heads.lock().unwrap();
    assert!(!heads[0].contains("canary"));
    assert!(heads[1].contains("x-subscription-token: BSA-canary"));
}

#[tokio::test]
async fn searches_that_find_nothing_say_why() {
    let json = |body: &str| page(200, "application/json", body.as_bytes());
    let site = Site::start([
        ("/none/search", json(r#"{"results": []}"#)),
        (
            "/down/search",
            json(r#"{"results": [], "unresponsive_engines": [["google", "CAPTCHA"], ["bing", "timeout"]]}"#),
        ),
        ("/html/search", html("<form>")),
        ("/no-json/search", page(403, "text/html", b"Forbidden")),
        ("/busy/search", page(429, "text/plain", b"")),
        ("/moved/search", moved("http://127.0.0.1:1/")),
        (
            "/res/v1/web/search",
            page(
                422,
                "application/json",
                br#"{"error":{"code":"SUBSCRIPTION_TOKEN_INVALID"}}"#,
            ),
        ),
    ])
    .await;
    let mut answers = Vec::new();
    for path in ["/none", "/down/", "/html", "/no-json", "/busy", "/moved", "/nowhere"] {
        answers.push((path, search(searxng(&site, path), json!({"query": "x"}), 8_000).await));
    }
    answers.push(("brave", search(brave(&site), json!({"query": "x"}), 8_000).await));
    answers.push(("empty", search(brave(&site), json!({"query": "  "}), 8_000).await));
    let answers: Vec<String> = answers
        .into_iter()
        .map(|(name, answer)| match answer {
            Ok(output) => format!("{name}: {}", output.text),
            Err(error) => format!("{name}: {:?}: {error}", error.kind),
        })
        .collect();
    assert!(!answers.concat().contains("canary"));
    insta::assert_json_snapshot!("no_findings", answers);
}

#[test]
fn which_tools_there_are_and_what_they_say_of_themselves() {
    let names = |tools: Vec<Arc<dyn Tool>>| {
        tools
            .iter()
            .map(|tool| tool.manifest().tool.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(tools(FetchSettings::default(), SearchSettings::default())),
        ["web_fetch"]
    );
    let brave = SearchSettings {
        provider: Some(Provider::Brave(Brave::new(Secret::new("BSA-canary")))),
        ..SearchSettings::default()
    };
    let off = FetchSettings {
        enabled: false,
        ..FetchSettings::default()
    };
    assert_eq!(names(tools(off.clone(), brave.clone())), ["web_search"]);
    assert!(!format!("{brave:?}").contains("canary"));
    let never = SearchSettings {
        enabled: false,
        ..brave.clone()
    };
    assert_eq!(names(tools(off, never)), Vec::<String>::new());
    let told: Vec<_> = tools(FetchSettings::default(), brave)
        .iter()
        .map(|tool| {
            let told = &tool.manifest().tool;
            json!({"name": told.name, "description": told.description, "parameters": told.parameters}).to_string()
        })
        .collect();
    insta::assert_json_snapshot!("manifests", told);
    for told in told {
        // About three and a half characters a token: 40 to 90 tokens each.
        assert!(told.len() < 315, "{told}");
    }
}
