//! Servers that share no code with the client. They are fetched, so these tests run only when they are asked for.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
};

use super::*;

/// Ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests run what the developer has")]
fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn succeeds(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn program(name: &str, command: &str, args: &[&str]) -> McpServer {
    let transport = McpTransport::Program {
        command: command.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: Vec::new(),
        folder: None,
    };
    McpServer {
        connect: Duration::from_mins(2),
        ..McpServer::new(name, transport)
    }
}

async fn open(place: &Path, server: McpServer) -> Servers {
    let settings = McpSettings {
        path: environment("PATH"),
        home: Some(environment("HOME").into()),
        ..settings(vec![server])
    };
    let servers = Servers::open(settings, Arc::new(FolderPins::new(place.join("pins"))));
    servers.ready(Duration::from_mins(3)).await;
    servers
}

/// What the server of `official.py` answers.
async fn answers(servers: &Servers) -> Vec<String> {
    let offer = servers.offer();
    assert_eq!(
        names(&offer),
        ["mcp__sky__weather", "mcp__sky__picture", "mcp__sky__broken"],
        "{}\n{}",
        notices(&offer),
        servers.log("sky").unwrap()
    );
    let picture = run(&find(&offer, "mcp__sky__picture"), json!({})).await.unwrap();
    assert_eq!(picture.images.len(), 1, "{}", picture.text);
    vec![
        told(&find(&offer, "mcp__sky__weather"), json!({"city": "Taipei"})).await,
        told(&find(&offer, "mcp__sky__broken"), json!({})).await,
        told(&find(&offer, "mcp__sky__weather"), json!({"town": 1}))
            .await
            .lines()
            .next()
            .unwrap()
            .to_owned(),
    ]
}

#[tokio::test]
#[ignore = "it fetches the Python SDK from PyPI"]
async fn the_python_sdk_is_understood_as_a_program_and_at_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let venv = folder.path().join("venv");
    succeeds(python(), &["-m", "venv", venv.to_str().unwrap()]);
    let python = venv.join("bin/python");
    succeeds(&python, &["-m", "pip", "install", "--quiet", "mcp==1.*"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mcp/official.py");

    let servers = open(
        folder.path(),
        program("sky", python.to_str().unwrap(), &[script, "stdio"]),
    )
    .await;
    let said = answers(&servers).await;
    insta::assert_debug_snapshot!(said);

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut serve = Command::new(&python);
    serve
        .args([script, "streamable-http", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _serving = Ending(serve.spawn().unwrap());
    let http = McpTransport::Http {
        url: format!("http://127.0.0.1:{port}/mcp"),
        headers: Vec::new(),
    };
    let servers = open(folder.path(), McpServer::new("sky", http)).await;
    until("it is there", || {
        servers.offer().notices.is_empty() && !servers.offer().tools.is_empty()
    })
    .await;
    assert_eq!(answers(&servers).await, said);
}

#[tokio::test]
#[ignore = "it needs Node.js and fetches a server from npm"]
async fn the_typescript_sdk_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let everything = program("all", "npx", &["-y", "@modelcontextprotocol/server-everything"]);
    let servers = open(folder.path(), everything).await;
    let offer = servers.offer();
    assert_eq!(notices(&offer), "", "{}", servers.log("all").unwrap());
    println!("{:#?}", names(&offer));
    let echo = find(&offer, "mcp__all__echo");
    assert_eq!(told(&echo, json!({"message": "hello"})).await, "Echo: hello");
    let picture = run(&find(&offer, "mcp__all__get-tiny-image"), json!({})).await.unwrap();
    assert_eq!(picture.images.len(), 1, "{}", picture.text);
    let structured = told(
        &find(&offer, "mcp__all__get-structured-content"),
        json!({"location": "Chicago"}),
    )
    .await;
    assert!(
        serde_json::from_str::<Value>(&structured).is_ok_and(|value| value.is_object()),
        "{structured}"
    );
}
