//! What is wrong with a server, or with a tool of it.

use std::{error::Error, io, time::Duration};

use rmcp::{
    ServiceError,
    service::ClientInitializeError,
    transport::{DynamicTransportError, streamable_http_client::StreamableHttpError},
};
use yabby_core::{Text, text};

/// Why a server is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text().english())]
pub enum McpTrouble {
    /// There is no such program.
    NoProgram(String),
    /// The program cannot be started.
    NotStarted(io::ErrorKind),
    /// The address or a header of it makes no sense.
    Malformed,
    /// It has not answered in this time.
    TimedOut(Duration),
    /// The program has ended, or the connection was closed; with the last that the program wrote to its standard error.
    Ended(Option<String>),
    /// It said more than the limits let it.
    SaidTooMuch,
    /// Nobody answers at the address.
    Unreachable,
    /// It wants other credentials.
    Unauthorized,
    /// It sends to another address, which is not followed because of the secrets in the headers.
    Redirected,
    /// It answered with this HTTP status.
    Status(u16),
    /// It does not want to be used, with its words.
    Refused(String),
    /// What it said is not MCP.
    NotMcp,
    /// What was accepted of it cannot be read or written.
    Pins(io::ErrorKind),
}

/// Why a tool is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Withheld {
    /// It is not what the owner has accepted.
    Changed,
    /// It was not there when the owner accepted the server.
    Late,
    /// The server has more tools than it may.
    TooMany,
    /// Another one has its name.
    NameTaken,
    /// Its schema is too large.
    SchemaTooLarge,
    /// Its schema is nested too deeply.
    SchemaTooDeep,
    /// Its arguments are no object.
    SchemaOfNoObject,
}

/// Something about MCP servers that the owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpNotice {
    /// The server.
    pub server: String,
    /// The server's name of the tool, when it is about one.
    pub tool: Option<String>,
    /// What is so.
    pub text: Text,
    /// What to do.
    pub hint: Text,
}

impl McpTrouble {
    /// What is wrong.
    pub fn text(&self) -> Text {
        match self {
            Self::NoProgram(program) => text!("there is no program {program}", program = program),
            Self::NotStarted(kind) => text!("it cannot be started: {error}", error = kind),
            Self::Malformed => text!("its address or its headers cannot be used"),
            Self::TimedOut(after) => text!("it has not answered in {seconds} s", seconds = after.as_secs()),
            Self::Ended(None) => text!("it has ended"),
            Self::Ended(Some(said)) => text!("it has ended; the last it wrote is: {said}", said = said),
            Self::SaidTooMuch => text!("it said more than it may"),
            Self::Unreachable => text!("nobody answers there"),
            Self::Unauthorized => text!("it does not take the credentials"),
            Self::Redirected => text!("it sends to another address, which is not followed"),
            Self::Status(status) => text!("it answers with HTTP status {status}", status = status),
            Self::Refused(words) => text!("it refuses: {words}", words = words),
            Self::NotMcp => text!("what it answers is not MCP"),
            Self::Pins(kind) => text!("what was accepted of it cannot be read: {error}", error = kind),
        }
    }

    /// What to do.
    pub fn hint(&self, server: &str) -> Text {
        match self {
            Self::NoProgram(_) | Self::NotStarted(_) => {
                text!(
                    "install the program, or correct mcp.servers.{server}.command",
                    server = server
                )
            }
            Self::Malformed | Self::Redirected | Self::NotMcp | Self::Unreachable | Self::Status(_) => {
                text!("look whether it runs, or correct mcp.servers.{server}", server = server)
            }
            Self::Unauthorized => text!("correct mcp.servers.{server}.headers", server = server),
            Self::TimedOut(_) | Self::Ended(_) | Self::Refused(_) => {
                text!("run it by hand to see what it lacks; Yabby goes on trying")
            }
            Self::SaidTooMuch => text!("tell whoever makes it; Yabby goes on trying"),
            Self::Pins(_) => text!("look at the rights of Yabby's folder"),
        }
    }

    /// What to make of a connection that did not come about.
    pub(super) fn of_start(error: &ClientInitializeError) -> Self {
        match error {
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => Self::Ended(None),
            ClientInitializeError::JsonRpcError(error) => Self::Refused(short(&error.message)),
            ClientInitializeError::TransportError { error, .. } => Self::of_transport(error),
            ClientInitializeError::LegacyFallbackFailed { fallback, .. } => Self::of_start(fallback),
            _ => Self::NotMcp,
        }
    }

    /// What to make of a request that did not come about.
    pub(super) fn of_request(error: &ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => Self::Refused(short(&error.message)),
            ServiceError::TransportSend(error) => Self::of_transport(error),
            ServiceError::Timeout { timeout } => Self::TimedOut(*timeout),
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } => Self::Ended(None),
            _ => Self::NotMcp,
        }
    }

    fn of_transport(error: &DynamicTransportError) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error.error.as_ref());
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
                return Self::of_http(error);
            }
            if error.is::<io::Error>() {
                return Self::Ended(None);
            }
            cause = error.source();
        }
        Self::Ended(None)
    }

    fn of_http(error: &StreamableHttpError<reqwest::Error>) -> Self {
        match error {
            StreamableHttpError::Client(error) if error.is_redirect() => Self::Redirected,
            StreamableHttpError::Client(error) if error.is_builder() => Self::Malformed,
            StreamableHttpError::Client(error) => match error.status() {
                Some(status) => Self::of_status(status.as_u16()),
                None => Self::Unreachable,
            },
            StreamableHttpError::HttpStatus(error) => Self::of_status(error.status),
            StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_) => Self::Unauthorized,
            StreamableHttpError::ResponseBodyTooLarge { .. } => Self::SaidTooMuch,
            StreamableHttpError::TransportChannelClosed
            | StreamableHttpError::SessionExpired
            | StreamableHttpError::UnexpectedEndOfStream
            | StreamableHttpError::Io(_) => Self::Ended(None),
            _ => Self::NotMcp,
        }
    }

    fn of_status(status: u16) -> Self {
        if matches!(status, 401 | 403) {
            Self::Unauthorized
        } else {
            Self::Status(status)
        }
    }

    pub(super) fn notice(&self, server: &str) -> McpNotice {
        let text = match self {
            Self::Pins(_) => text!(
                "the tools of the MCP server {server} are off: {trouble}",
                server = server,
                trouble = self.text()
            ),
            _ => text!(
                "the MCP server {server} is not there: {trouble}",
                server = server,
                trouble = self.text()
            ),
        };
        McpNotice {
            server: server.to_owned(),
            tool: None,
            text,
            hint: self.hint(server),
        }
    }
}

impl Withheld {
    pub(super) fn notice(self, server: &str, tool: &str) -> McpNotice {
        // What a server calls its tools may be meant to confuse a terminal.
        let tool: String = tool.chars().filter(|char| !char.is_control()).take(100).collect();
        let (why, hint) = match self {
            Self::Changed => (
                text!("it has changed since you accepted it"),
                text!(
                    "look at what it says now, and accept it with: yabby mcp accept {server}",
                    server = server
                ),
            ),
            Self::Late => (
                text!("it was not there when you accepted the server"),
                text!(
                    "look at what it says now, and accept it with: yabby mcp accept {server}",
                    server = server
                ),
            ),
            Self::TooMany => (
                text!("the server has more tools than it may"),
                text!(
                    "name those that are needed in mcp.servers.{server}.toolFilter.include",
                    server = server
                ),
            ),
            Self::NameTaken => (
                text!("another tool has the same name"),
                text!(
                    "leave one of them out with mcp.servers.{server}.toolFilter.exclude",
                    server = server
                ),
            ),
            Self::SchemaTooLarge | Self::SchemaTooDeep | Self::SchemaOfNoObject => (
                text!("its arguments cannot be shown to a model"),
                text!("tell whoever makes the server"),
            ),
        };
        McpNotice {
            server: server.to_owned(),
            text: text!(
                "the tool {tool} of the MCP server {server} is off: {why}",
                tool = tool,
                server = server,
                why = why
            ),
            hint,
            tool: Some(tool),
        }
    }
}

/// Words of a server, on one line and not too many.
pub(super) fn short(words: &str) -> String {
    words.chars().filter(|char| !char.is_control()).take(300).collect()
}
