//! Servers at addresses.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ServerCapabilities, ServerConfig, Tool as Described,
    },
    service::RequestContext,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService, streamable_http_server::session::local::LocalSessionManager,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::*;

/// A server of the official SDK.
#[derive(Clone, Default)]
struct Official {
    cancelled: Arc<AtomicBool>,
    /// Whether it only knows the protocol as it is since 2026-07-28, which has no `initialize`.
    newest: bool,
}

impl ServerHandler for Official {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let known = ProtocolVersion::KNOWN_VERSIONS;
        Cow::Borrowed(if self.newest { &known[known.len() - 1..] } else { known })
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |name: &'static str| Described::new(name, "A tool.", Arc::new(serde_json::Map::new()));
        Ok(ListToolsResult::with_all_items(vec![
            tool("echo"),
            tool("slow"),
            tool("large"),
        ]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let said = match &*call.name {
            "echo" => Value::Object(call.arguments.unwrap_or_default()).to_string(),
            "large" => "x".repeat(9 << 20),
            _ => {
                context.ct.cancelled().await;
                self.cancelled.store(true, Ordering::Relaxed);
                String::new()
            }
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}

/// Serves until it is dropped, and hands each request's head to `see` first.
fn serve_at(listener: TcpListener, official: Official, seen: Arc<Mutex<Vec<String>>>) -> JoinSet<()> {
    let service = StreamableHttpService::new(
        move || Ok::<_, io::Error>(official.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (service, seen) = (service.clone(), Arc::clone(&seen));
            connections.spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let key = request
                        .headers()
                        .get("x-key")
                        .map(|key| key.to_str().unwrap().to_owned());
                    seen.lock().unwrap().push(key.unwrap_or_default());
                    let service = service.clone();
                    async move { Ok::<_, io::Error>(service.handle(request).await) }
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    tasks
}

async fn serve(official: Official, seen: Arc<Mutex<Vec<String>>>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), serve_at(listener, official, seen))
}

/// Answers everything with the same words, and keeps what it was asked.
async fn fixed(answer: String) -> (SocketAddr, Arc<Mutex<String>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&asked);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 8192];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked, tasks)
}

fn at(address: SocketAddr) -> McpServer {
    let transport = McpTransport::Http {
        url: format!("http://{address}/mcp"),
        headers: vec![("X-Key".to_owned(), Secret::new("canary"))],
    };
    McpServer {
        connect: Duration::from_secs(5),
        ..McpServer::new("test", transport)
    }
}

#[tokio::test]
async fn a_tool_of_an_address_is_called_with_the_owners_headers() {
    let seen = Arc::default();
    let (address, _serving) = serve(Official::default(), Arc::clone(&seen)).await;
    let place = Place::new(&json!([]));
    let servers = place.open(vec![at(address)]);
    servers.ready(LONG).await;
    let offer = servers.offer();
    assert_eq!(
        names(&offer),
        ["mcp__test__echo", "mcp__test__slow", "mcp__test__large"],
        "{}",
        notices(&offer)
    );
    assert_eq!(
        told(&find(&offer, "mcp__test__echo"), json!({"a": 1})).await,
        r#"{"a":1}"#
    );
    let large = told(&find(&offer, "mcp__test__large"), json!({})).await;
    assert!(
        large.starts_with("Unavailable: the MCP server test was lost"),
        "{} bytes",
        large.len()
    );
    let seen = seen.lock().unwrap().clone();
    assert!(seen.len() > 3 && seen.iter().all(|key| key == "canary"), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_only_knows_the_newest_protocol_is_understood() {
    let official = Official {
        newest: true,
        ..Official::default()
    };
    let (address, _serving) = serve(official, Arc::default()).await;
    let place = Place::new(&json!([]));
    let servers = place.open(vec![at(address)]);
    servers.ready(LONG).await;
    let offer = servers.offer();
    assert_eq!(notices(&offer), "");
    assert_eq!(
        told(&find(&offer, "mcp__test__echo"), json!({"a": 1})).await,
        r#"{"a":1}"#
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_there_too() {
    let official = Official::default();
    let (address, _serving) = serve(official.clone(), Arc::default()).await;
    let place = Place::new(&json!([]));
    let server = McpServer {
        timeout: Duration::from_millis(300),
        ..at(address)
    };
    let servers = place.open(vec![server]);
    servers.ready(LONG).await;
    let told = told(&find(&servers.offer(), "mcp__test__slow"), json!({})).await;
    assert!(told.starts_with("TimedOut: "), "{told}");
    until("it was cancelled", || official.cancelled.load(Ordering::Relaxed)).await;
}

#[tokio::test]
async fn an_address_that_is_gone_is_said_and_comes_back() {
    let (address, serving) = serve(Official::default(), Arc::default()).await;
    let place = Place::new(&json!([]));
    let servers = place.open(vec![at(address)]);
    servers.ready(LONG).await;
    let echo = find(&servers.offer(), "mcp__test__echo");
    drop(serving);
    let gone = told(&echo, json!({})).await;
    assert!(gone.starts_with("Unavailable: "), "{gone}");
    until("the owner is told", || {
        notices(&servers.offer()).contains("nobody answers there")
    })
    .await;
}

#[tokio::test]
async fn no_address_is_followed_elsewhere_and_the_owner_is_told_what_is_wrong() {
    let (other, asked, _other) = fixed(String::new()).await;
    let ending = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    let answers = [
        format!("HTTP/1.1 307 Elsewhere\r\nLocation: http://{other}/mcp\r\n{ending}"),
        format!("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\n{ending}"),
        format!("HTTP/1.1 403 No\r\n{ending}"),
        format!("HTTP/1.1 503 No\r\n{ending}"),
        format!("HTTP/1.1 200 Yes\r\nContent-Type: text/html\r\n{ending}"),
        String::new(),
    ];
    let place = Place::new(&json!([]));
    let mut told = Vec::new();
    for answer in answers {
        let (address, _asked, _serving) = fixed(answer).await;
        let servers = place.open(vec![at(address)]);
        servers.ready(LONG).await;
        let offer = servers.offer();
        assert_eq!(names(&offer), Vec::<String>::new());
        told.push(notices(&offer));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(*asked.lock().unwrap(), "");
}
