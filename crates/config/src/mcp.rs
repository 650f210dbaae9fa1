//! MCP servers.

use std::{path::PathBuf, time::Duration};

use serde_json::{Map, Value, json};
use url::Url;
use yabby_core::{Secret, Text, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    path::{Seg, at, below, dotted},
    raw::{self, McpTransportName},
    resolve::Resolver,
};

/// An MCP server, which gives agents tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServer {
    /// The name that its tools carry.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// How long it may take until it is there.
    pub connect: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// Whether it may be asked several things at once.
    pub parallel: bool,
    /// Only these of its tools, `*` for anything; `None` for all.
    pub include: Option<Vec<String>>,
    /// Not these of its tools.
    pub exclude: Vec<String>,
}

/// How an MCP server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpTransport {
    /// A program that is spoken to over its standard input and output.
    Program {
        /// The program: a path, or a name that is looked for in `PATH`.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Environment variables that it gets.
        env: Vec<(String, Secret)>,
        /// The folder in which it runs.
        folder: Option<PathBuf>,
    },
    /// An address: MCP's streamable HTTP.
    Http {
        /// The address.
        url: Url,
        /// Headers of every request.
        headers: Vec<(String, Secret)>,
    },
}

// === impl McpServer ===

impl McpServer {
    pub(crate) fn shown(&self) -> Value {
        let hidden = |named: &[(String, Secret)]| -> Map<String, Value> {
            let named = named.iter();
            named
                .map(|(name, secret)| (name.clone(), secret.to_string().into()))
                .collect()
        };
        let mut shown = json!({
            "enabled": true,
            "connectionTimeoutMs": self.connect.as_millis(),
            "requestTimeoutMs": self.timeout.as_millis(),
            "supportsParallelToolCalls": self.parallel,
        });
        match &self.transport {
            McpTransport::Program {
                command,
                args,
                env,
                folder,
            } => {
                shown["transport"] = "stdio".into();
                shown["command"] = command.as_str().into();
                shown["args"] = json!(args);
                shown["env"] = hidden(env).into();
                if let Some(folder) = folder {
                    shown["cwd"] = folder.display().to_string().into();
                }
            }
            McpTransport::Http { url, headers } => {
                shown["transport"] = "streamable-http".into();
                shown["url"] = url.as_str().into();
                shown["headers"] = hidden(headers).into();
            }
        }
        if self.include.is_some() || !self.exclude.is_empty() {
            shown["toolFilter"] = json!({ "include": self.include, "exclude": self.exclude });
        }
        shown
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn mcp(&mut self, raw: raw::Mcp) -> Vec<McpServer> {
        let mut servers = Vec::with_capacity(raw.servers.0.len());
        for (name, server) in raw.servers.0 {
            let path = at!["mcp", "servers", name.as_str()];
            // What is off is not looked at.
            let is_off = server.enabled == Some(false) || self.doubts.closes(&dotted(&path));
            if !is_off {
                servers.extend(self.mcp_server(name, server, &path));
            }
        }
        servers
    }

    fn mcp_server(&mut self, name: String, raw: raw::McpServer, path: &[Seg]) -> Option<McpServer> {
        let milliseconds = |count: u32| Duration::from_millis(count.into());
        Some(McpServer {
            name,
            connect: raw.connection_timeout_ms.map_or(Duration::from_secs(30), milliseconds),
            timeout: raw.request_timeout_ms.map_or(Duration::from_mins(1), milliseconds),
            parallel: raw.supports_parallel_tool_calls.unwrap_or_default(),
            include: raw.tool_filter.include.clone(),
            exclude: raw.tool_filter.exclude.clone(),
            transport: self.transport(raw, path)?,
        })
    }

    /// How the server is reached; `None` when it cannot be, which is told.
    fn transport(&mut self, raw: raw::McpServer, path: &[Seg]) -> Option<McpTransport> {
        let named = raw.transport.or(raw.kind);
        let filled = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if named == Some(McpTransportName::Sse) {
            let message = text!(
                "Yabby does not speak {transport} with MCP servers, so this one is off",
                transport = "sse"
            );
            return self.off(message, text!("write streamable-http if the server can speak it"), path);
        }
        let is_http = matches!(named, Some(McpTransportName::StreamableHttp | McpTransportName::Http));
        let (command, url) = (filled(raw.command), filled(raw.url));
        match (command, url) {
            (Some(command), _) if !is_http => {
                let args = (0..raw.args.len()).map(|index| {
                    let mut path = below(path, "args");
                    path.push(Seg::Index(index));
                    path
                });
                let mut places = args.chain([below(path, "command")]);
                if !places.all(|place| self.is_complete(&place)) {
                    // The missing variable was told where it stands.
                    return None;
                }
                let (folder, at) = match raw.cwd {
                    Some(folder) => (Some(folder), below(path, "cwd")),
                    None => (raw.working_directory, below(path, "workingDirectory")),
                };
                let folder = match filled(folder) {
                    Some(folder) => Some(self.path(&folder, &at)?),
                    None => None,
                };
                Some(McpTransport::Program {
                    command,
                    args: raw.args,
                    env: self.scalars(raw.env, &below(path, "env"))?,
                    folder,
                })
            }
            (_, Some(url)) if named != Some(McpTransportName::Stdio) => {
                let at = below(path, "url");
                if !self.is_complete(&at) {
                    return None;
                }
                let Some(url) = Url::parse(&url)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "http" | "https"))
                else {
                    let message = text!("this is no http or https address, so the server is off");
                    return self.off(
                        message,
                        text!("write the whole address, such as https://example.com/mcp"),
                        &at,
                    );
                };
                let headers = self.scalars(raw.headers, &below(path, "headers"))?;
                Some(McpTransport::Http { url, headers })
            }
            _ => {
                let message = text!("the server has no command and no url that fits, so it is off");
                self.off(message, text!("write the program that serves it, or its address"), path)
            }
        }
    }

    /// Values of variables or headers. Without one of them the server would not do what its owner wants, so that it is off.
    pub(crate) fn scalars(&mut self, raw: raw::OrderedMap<raw::Scalar>, path: &[Seg]) -> Option<Vec<(String, Secret)>> {
        let mut named = Vec::with_capacity(raw.0.len());
        for (name, value) in raw.0 {
            let value = match value {
                raw::Scalar::Flag(flag) => Some(Secret::new(flag.to_string())),
                raw::Scalar::Number(number) => Some(Secret::new(number.to_string())),
                raw::Scalar::Secret(input) => {
                    let told = self.diagnostics.len();
                    let found = self.named(raw::OrderedMap(vec![(name.clone(), input)]), path);
                    for diagnostic in &mut self.diagnostics[told..] {
                        diagnostic.severity = Severity::Error;
                    }
                    found.into_iter().next().map(|(_, secret)| secret)
                }
            };
            named.push((name, value?));
        }
        Some(named)
    }

    /// Tells why something is off.
    pub(crate) fn off<T>(&mut self, message: Text, help: Text, path: &[Seg]) -> Option<T> {
        self.push(
            Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
            path,
        );
        None
    }
}
