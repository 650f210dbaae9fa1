//! What the owner sets.

use std::{path::PathBuf, time::Duration};

use sha2::{Digest, Sha256};
use yabby_core::Secret;

use super::listing::hex;

/// All MCP servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpSettings {
    /// The servers that are on. OpenClaw: `mcp.servers`.
    pub servers: Vec<McpServer>,
    /// `PATH` of programs. Nothing of Yabby's own environment is handed on, because there are secrets in it.
    pub path: String,
    /// `HOME` of programs, in which `npx` and `uvx` keep what they have fetched.
    pub home: Option<PathBuf>,
    /// `LANG` of programs.
    pub lang: String,
    /// How long a program gets to end when it is asked to.
    pub grace: Duration,
    /// After a failure, a server is tried again after this time, and twice as long after each further one.
    pub retry: Duration,
    /// It never takes longer than this until a server is tried again.
    pub retry_most: Duration,
    /// How much servers may say.
    pub limits: McpLimits,
}

/// An MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServer {
    /// The name that its tools carry. OpenClaw: the key in `mcp.servers`.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// How long it may take until it is there and has named its tools. OpenClaw: `connectTimeout`, `connectionTimeoutMs`.
    pub connect: Duration,
    /// How long one request may take. OpenClaw: `timeout`, `requestTimeoutMs`.
    pub timeout: Duration,
    /// Whether it may be asked several things at once. OpenClaw: `supportsParallelToolCalls`.
    pub parallel: bool,
    /// Only these of its tools, `*` for anything; `None` for all. OpenClaw: `toolFilter.include`.
    pub include: Option<Vec<String>>,
    /// Not these of its tools. OpenClaw: `toolFilter.exclude`.
    pub exclude: Vec<String>,
}

/// How an MCP server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpTransport {
    /// A program that is spoken to over its standard input and output. OpenClaw: `command`, `args`, `env`, `cwd`.
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
    /// An address: MCP's streamable HTTP. OpenClaw: `url`, `headers`.
    Http {
        /// The address.
        url: String,
        /// Headers of every request.
        headers: Vec<(String, Secret)>,
    },
}

/// How much an MCP server may say. What is beyond is left out, or ends the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpLimits {
    /// A server has no more tools than this.
    pub tools: usize,
    /// A description is cut to so many characters.
    pub description: usize,
    /// A tool whose schema is longer, in bytes as JSON, is not offered.
    pub schema_bytes: usize,
    /// A tool whose schema is nested deeper is not offered.
    pub schema_depth: usize,
    /// No message is longer, in bytes; a program that says more is ended.
    pub message_bytes: usize,
    /// A program says no more than this between two requests, in bytes.
    pub idle_bytes: u64,
    /// The text of a result is cut to so many bytes.
    pub text_bytes: usize,
    /// So many pictures of a result are shown.
    pub images: usize,
    /// A picture is not larger, in bytes.
    pub image_bytes: usize,
    /// So many bytes are kept of what a program writes to its standard error.
    pub log_bytes: usize,
}

impl Default for McpSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
            home: None,
            lang: "C.UTF-8".to_owned(),
            grace: Duration::from_secs(2),
            retry: Duration::from_secs(1),
            retry_most: Duration::from_mins(5),
            limits: McpLimits::default(),
        }
    }
}

impl Default for McpLimits {
    fn default() -> Self {
        Self {
            tools: 128,
            description: 1024,
            schema_bytes: 32 << 10,
            schema_depth: 32,
            message_bytes: 8 << 20,
            idle_bytes: 32 << 20,
            text_bytes: 1 << 20,
            images: 4,
            image_bytes: 4 << 20,
            log_bytes: 16 << 10,
        }
    }
}

impl McpServer {
    /// A server with OpenClaw's times and all of its tools.
    pub fn new(name: impl Into<String>, transport: McpTransport) -> Self {
        Self {
            name: name.into(),
            transport,
            connect: Duration::from_secs(30),
            timeout: Duration::from_mins(1),
            parallel: true,
            include: None,
            exclude: Vec::new(),
        }
    }

    /// Whether the owner lets a tool through.
    pub(super) fn lets(&self, tool: &str) -> bool {
        let any = |words: &[String]| words.iter().any(|word| fits(word, tool));
        self.include.as_deref().is_none_or(any) && !any(&self.exclude)
    }

    /// What makes it this server and no other, as a hash: which program with which arguments, or which address. Whoever
    /// changes that has looked at it, and accepts its tools anew. Secrets have no part in it.
    pub(super) fn identity(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        match &self.transport {
            McpTransport::Program {
                command, args, folder, ..
            } => {
                add("program");
                add(command);
                add(&folder
                    .as_deref()
                    .map(|folder| folder.to_string_lossy())
                    .unwrap_or_default());
                for arg in args {
                    add(arg);
                }
            }
            McpTransport::Http { url, .. } => {
                add("http");
                add(url);
            }
        }
        hex(&hash.finalize())
    }
}

/// Whether `word`, in which `*` stands for anything, means `name`.
fn fits(word: &str, name: &str) -> bool {
    let Some((begin, rest)) = word.split_once('*') else {
        return word == name;
    };
    let Some(name) = name.strip_prefix(begin) else {
        return false;
    };
    // What stands between two `*` may be taken where it is met first.
    let mut name = name;
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some((_, after)) = name.split_once(part) else {
            return false;
        };
        name = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_mean_anything() {
        let cases = [
            ("read", "read", true),
            ("read", "reader", false),
            ("*", "", true),
            ("read_*", "read_file", true),
            ("*_file", "read_file", true),
            ("*_file", "read_files", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ];
        let fit = cases.map(|(word, name, _)| (word, name, fits(word, name)));
        assert_eq!(fit, cases);
    }

    #[test]
    fn another_program_is_another_server_and_another_secret_is_not() {
        let program = |command: &str, args: &[&str], secret: &str| {
            let args = args.iter().map(|arg| (*arg).to_owned()).collect();
            McpServer::new(
                "s",
                McpTransport::Program {
                    command: command.to_owned(),
                    args,
                    env: vec![("KEY".to_owned(), Secret::new(secret))],
                    folder: None,
                },
            )
            .identity()
        };
        assert_eq!(program("npx", &["a@1"], "x"), program("npx", &["a@1"], "y"));
        assert_ne!(program("npx", &["a@1"], "x"), program("npx", &["a@2"], "x"));
        assert_ne!(program("npx", &["a", "b"], "x"), program("npx", &["ab"], "x"));
    }
}
