//! `web_fetch`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use yabby_core::text;

use serde_json::json;
use tokio::net::TcpListener;

use super::{
    FetchSettings, Lookup, at, object,
    site::{End, Site, gzip, gzipped, html, moved, page, raw},
};
use crate::{Output, Tool, ToolError, ToolErrorKind, web::WebFetch};

async fn fetch_at(tool: &WebFetch, url: &str, now: i64) -> Result<Output, ToolError> {
    tool.run(&object(json!({ "url": url })), &at(now)).await
}

async fn fetch(tool: &WebFetch, url: &str) -> Result<String, ToolError> {
    fetch_at(tool, url, 0).await.map(|output| output.text)
}

async fn kind(tool: &WebFetch, url: &str) -> ToolErrorKind {
    fetch(tool, url).await.unwrap_err().kind
}

fn lookup(answers: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static) -> Lookup {
    Lookup::with(move |name| {
        let addresses = answers(&name)
            .into_iter()
            .map(|address| SocketAddr::new(address.parse::<IpAddr>().unwrap(), 9));
        let addresses = addresses.collect();
        Box::pin(async move { Ok(addresses) })
    })
}

#[tokio::test]
async fn pages_are_read_as_text() {
    let fixture = |name: &str| std::fs::read(format!("{}/fixtures/web/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let site = Site::start([
        ("/article", page(200, "text/html", &fixture("article.html"))),
        ("/table", page(200, "text/html; charset=utf-8", &fixture("table.html"))),
        ("/forum", page(200, "text/html", &fixture("forum.html"))),
        // A server that says UTF-8 of everything.
        ("/big5", page(200, "text/html; charset=utf-8", &fixture("big5.html"))),
    ])
    .await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    for name in ["article", "table", "forum", "big5"] {
        let text = fetch(&tool, &site.url(&format!("/{name}"))).await.unwrap();
        insta::assert_snapshot!(name, text.replace(&site.address.to_string(), "site.test"));
    }
}

#[tokio::test]
async fn other_texts_are_as_they_are_and_the_rest_is_named() {
    let json = b"{\n  \"a\": \"<b>\"\n}";
    let site = Site::start([
        ("/json", page(200, "application/json", json)),
        ("/text", page(200, "text/plain; charset=big5", b"\xa4\xa4\xa4\xe5")),
        ("/pdf", page(200, "application/pdf", &vec![b'x'; 2_345_678])),
        (
            "/unsaid.pdf",
            raw("200 x\r\ncontent-length: 9", b"%PDF-1.7\n", End::Close),
        ),
        (
            "/image",
            raw("200 x\r\ncontent-type: image/png", b"\x89PNG", End::Close),
        ),
        ("/empty", page(200, "text/plain", b"")),
        ("/app", html("<div id=root></div><script>render()</script>")),
        ("/brotli", raw("200 x\r\ncontent-encoding: br", b"x", End::Close)),
    ])
    .await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    let mut texts = Vec::new();
    for path in ["/json", "/text", "/pdf", "/unsaid.pdf", "/image", "/empty", "/app"] {
        texts.push(fetch(&tool, &site.url(path)).await.unwrap());
    }
    insta::assert_json_snapshot!("kinds", texts);
    assert_eq!(kind(&tool, &site.url("/brotli")).await, ToolErrorKind::Failed);
}

#[tokio::test]
async fn a_request_says_who_asks_and_nothing_else() {
    let site = Site::start([("/", html("x"))]).await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    fetch(&tool, &site.url("/?a=b#secret")).await.unwrap();
    let head = site
        .heads
        .lock()
        .unwrap()
        .join("")
        .replace(&site.address.to_string(), "site.test");
    insta::assert_snapshot!(head.replace("\r\n", "\n"));
}

#[tokio::test]
async fn redirects_are_followed_and_each_is_checked() {
    let site = Site::start([
        ("/1", moved("/2?x")),
        ("/2", moved("3")),
        ("/3", html("<title>Here</title>there")),
        ("/loop", moved("/loop")),
        ("/near", moved("http://127.0.0.2/secret")),
        ("/metadata", moved("//169.254.169.254/latest/meta-data/")),
        ("/port", moved("http://127.0.0.1:1/")),
        ("/file", moved("file:///etc/passwd")),
        ("/gopher", moved("gopher://127.0.0.1:6379/_INFO")),
        ("/login", moved("http://user:password@127.0.0.1/")),
        ("/name", moved("http://looks-public.test/")),
        ("/nothing", moved("http://[/")),
    ])
    .await;
    let lookup = lookup(|_| vec!["127.0.0.1"]);
    let tool = WebFetch::new(site.settings(), lookup);
    let text = fetch(&tool, &site.url("/1")).await.unwrap();
    assert_eq!(text, format!("# Here\nURL: {}\n\nthere", site.url("/3")));
    assert_eq!(kind(&tool, &site.url("/loop")).await, ToolErrorKind::Failed);
    let loops = site.requests().iter().filter(|line| line.contains("/loop")).count();
    assert_eq!(loops, 6, "the first and five redirects");
    let before = site.requests().len();
    for path in ["/near", "/metadata", "/port", "/file", "/gopher", "/login", "/name"] {
        assert_eq!(kind(&tool, &site.url(path)).await, ToolErrorKind::Denied, "{path}");
    }
    assert_eq!(kind(&tool, &site.url("/nothing")).await, ToolErrorKind::Failed);
    assert_eq!(site.requests().len(), before + 8, "none of them led to another request");
}

#[tokio::test]
async fn a_name_with_a_near_address_is_not_asked() {
    let site = Site::start([("/", html("secret"))]).await;
    let port = site.address.port();
    let settings = FetchSettings {
        ports: vec![port],
        ..FetchSettings::default()
    };
    let lookup = lookup(|name| match name {
        "near.test" => vec!["127.0.0.1"],
        "mixed.test" => vec!["203.0.114.1", "127.0.0.1"],
        "six.test" => vec!["::ffff:127.0.0.1"],
        "metadata.test" => vec!["169.254.169.254"],
        "nat64.test" => vec!["64:ff9b::7f00:1"],
        "zero.test" => vec!["0.0.0.0"],
        _ => vec![],
    });
    let tool = WebFetch::new(settings, lookup);
    for host in ["near", "mixed", "six", "metadata", "nat64", "zero"] {
        let error = fetch(&tool, &format!("http://{host}.test:{port}/")).await.unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::Denied, "{host}: {error}");
    }
    assert_eq!(
        kind(&tool, &format!("http://nowhere.test:{port}/")).await,
        ToolErrorKind::Unavailable
    );
    assert_eq!(site.requests(), Vec::<String>::new());
}

/// A name that changes its mind between a check and a connection has no occasion: what is vetted is what is connected to.
#[tokio::test]
async fn the_vetted_address_is_the_one_that_is_connected_to() {
    let first = Site::start([("/", html("first")), ("/again", html("first"))]).await;
    let port = first.address.port();
    let other = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let other = Site::at(other, [("/", html("other")), ("/again", html("other"))]);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let changing = move |_: &str| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => vec!["127.0.0.1"],
        1 => vec!["127.0.0.2"],
        _ => vec!["169.254.169.254"],
    };
    let tool = WebFetch::new(first.settings_for(&[&format!("page.test:{port}")]), lookup(changing));
    let url = |path: &str| format!("http://page.test:{port}{path}");
    assert_eq!(fetch(&tool, &url("/")).await.unwrap(), "first");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(other.requests(), Vec::<String>::new());
    assert_eq!(fetch(&tool, &url("/again")).await.unwrap(), "other");
    assert_eq!(kind(&tool, &url("/third")).await, ToolErrorKind::Denied);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn bodies_without_end_are_cut() {
    let long = "0123456789".repeat(100_000);
    let varied = (0..30_000)
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let zeros = gzip(&vec![b'0'; 50_000_000]);
    assert!(zeros.len() < 60_000);
    let empty_members = gzip(b"").repeat(1_000);
    let text = |end| raw("200 x\r\ncontent-type: text/plain", b"0123456789", end);
    let site = Site::start([
        ("/long", page(200, "text/plain", long.as_bytes())),
        ("/endless", text(End::Endless)),
        ("/hangs", text(End::Hang)),
        (
            "/short",
            raw(
                "200 x\r\ncontent-type: text/plain\r\ncontent-length: 99",
                b"0123456789",
                End::Close,
            ),
        ),
        ("/silent", raw("200 x\r\ncontent-type: text/plain", b"", End::Hang)),
        ("/bomb", gzipped(&zeros, End::Close)),
        ("/gzip", gzipped(&gzip("壓縮".as_bytes()), End::Close)),
        ("/torn", gzipped(&gzip(varied.as_bytes())[..5_000], End::Close)),
        ("/nothing-at-all", gzipped(&empty_members, End::Endless)),
        ("/no-gzip", gzipped(b"<html>", End::Close)),
    ])
    .await;
    let settings = FetchSettings {
        timeout: Duration::from_secs(100),
        max_bytes: 100_000,
        max_chars: 2_000_000,
        ..site.settings()
    };
    let patient = WebFetch::new(settings.clone(), Lookup::default());
    let hasty = WebFetch::new(
        FetchSettings {
            timeout: Duration::from_secs(3),
            ..settings
        },
        Lookup::default(),
    );
    let mut ends = BTreeMap::new();
    for (tool, path) in [
        (&patient, "/long"),
        (&patient, "/endless"),
        (&patient, "/short"),
        (&patient, "/bomb"),
        (&patient, "/gzip"),
        (&patient, "/torn"),
        (&patient, "/nothing-at-all"),
        (&patient, "/no-gzip"),
        (&hasty, "/hangs"),
        (&hasty, "/silent"),
    ] {
        let end = match fetch(tool, &site.url(path)).await {
            Ok(text) => {
                let (text, note) = text.split_once("\n\n").unwrap_or((&text, ""));
                let length = if path == "/torn" {
                    "some".to_owned()
                } else {
                    text.len().to_string()
                };
                format!("{length}: {note}")
            }
            Err(error) => format!("{:?}", error.kind),
        };
        ends.insert(path, end);
    }
    insta::assert_json_snapshot!("ends", ends);
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let many = "x-a: b\r\n".repeat(5_000);
    let large = format!("x-a: {}\r\n", "b".repeat(1_000_000));
    let site = Site::start([
        (
            "/many",
            raw(&format!("200 x\r\n{many}content-length: 1"), b"x", End::Close),
        ),
        (
            "/large",
            raw(&format!("200 x\r\n{large}content-length: 1"), b"x", End::Close),
        ),
    ])
    .await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    for path in ["/many", "/large"] {
        assert_eq!(kind(&tool, &site.url(path)).await, ToolErrorKind::Unavailable, "{path}");
    }
}

#[tokio::test]
async fn answers_that_are_no_page() {
    let busy = "429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0";
    let site = Site::start([
        (
            "/gone",
            page(410, "text/html", b"<h1>It is gone</h1><script>x</script>"),
        ),
        ("/login", page(403, "application/json", br#"{"error":"log in"}"#)),
        ("/busy", raw(busy, b"", End::Close)),
        ("/broken", page(500, "text/plain", "long ".repeat(100_000).as_bytes())),
        ("/teapot", page(418, "image/png", b"x")),
    ])
    .await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    let mut errors = Vec::new();
    for path in ["/gone", "/login", "/busy", "/broken", "/teapot", "/missing"] {
        let error = fetch(&tool, &site.url(path)).await.unwrap_err();
        let message = error.message.replace(&site.address.to_string(), "site.test");
        errors.push(format!("{:?}: {message}", error.kind));
    }
    insta::assert_json_snapshot!("refusals", errors);
}

#[tokio::test]
async fn pages_are_kept_for_some_minutes() {
    let site = Site::start([
        ("/a", html("<title>T</title>words")),
        (
            "/private",
            raw(
                "200 x\r\ncache-control: private, no-store\r\ncontent-length: 1",
                b"x",
                End::Close,
            ),
        ),
    ])
    .await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    let minute = 60_000;
    let (a, private) = (site.url("/a"), site.url("/private"));
    assert_eq!(fetch_at(&tool, &a, 0).await.unwrap().text, "# T\n\nwords");
    let again = fetch_at(&tool, &format!("{a}#part"), 14 * minute).await.unwrap();
    let expected = Output::text("# T\n(read 14 min ago)\n\nwords").with_summary(text!(
        "{size} of text from {host}",
        size = "5 bytes",
        host = "127.0.0.1"
    ));
    assert_eq!(again, expected);
    fetch_at(&tool, &a, 15 * minute).await.unwrap();
    fetch_at(&tool, &private, 0).await.unwrap();
    fetch_at(&tool, &private, 0).await.unwrap();
    let paths = site
        .requests()
        .iter()
        .filter_map(|line| line.split(' ').nth(1).map(str::to_owned))
        .collect::<Vec<_>>();
    assert_eq!(paths, ["/a", "/a", "/private", "/private"]);
}

#[tokio::test]
async fn the_model_may_ask_for_less() {
    let site = Site::start([("/", page(200, "text/plain", "中".repeat(300).as_bytes()))]).await;
    let tool = WebFetch::new(site.settings(), Lookup::default());
    let arguments = object(json!({"url": site.url("/"), "maxChars": 200}));
    let text = tool.run(&arguments, &at(0)).await.unwrap().text;
    assert_eq!(
        text,
        format!("{}\n\n[200 of 300 characters are shown]", "中".repeat(200))
    );
}

#[tokio::test]
async fn a_proxy_only_when_the_owner_says_so() {
    let proxy = Site::start([("http://example.com/a", html("by the proxy"))]).await;
    let near = Site::start([("/", html("direct"))]).await;
    let settings = FetchSettings {
        proxy: Some(format!("http://{}", proxy.address)),
        ..near.settings()
    };
    let nothing = lookup(|_| vec!["169.254.169.254"]);
    let tool = WebFetch::new(settings, nothing);
    assert_eq!(fetch(&tool, "http://example.com/a").await.unwrap(), "by the proxy");
    assert_eq!(fetch(&tool, &near.url("/")).await.unwrap(), "direct");
    for url in [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://metadata.google.internal/",
    ] {
        assert_eq!(kind(&tool, url).await, ToolErrorKind::Denied, "{url}");
    }
    assert_eq!(proxy.requests(), ["GET http://example.com/a HTTP/1.1"]);
}
