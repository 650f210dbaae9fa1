//! A tool of a server.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::{listing::Listed, result, server::Server};
use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError};

/// A tool of a server as it was when it was offered. It does not change when the server's does; it is refused then.
pub(super) struct McpTool {
    server: Arc<Server>,
    manifest: Manifest,
    name: String,
    hash: String,
}

impl McpTool {
    pub(super) fn new(server: Arc<Server>, name: String, listed: &Listed) -> Self {
        Self {
            manifest: Manifest {
                tool: yabby_core::Tool {
                    name,
                    description: listed.description.clone(),
                    parameters: listed.schema.clone(),
                },
                // Whatever the server says of it: that a tool only reads is the server's word.
                effect: Effect::Send,
                sinks: vec!["*".to_owned()],
                returns: Returns::Foreign,
                repeatable: false,
                group: Group::Mcp,
                core: false,
            },
            name: listed.name.clone(),
            hash: listed.hash.clone(),
            server,
        }
    }
}

impl Tool for McpTool {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, _at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move {
            let answer = self.server.call(&self.name, &self.hash, arguments).await?;
            result::output(answer, &self.server.all.limits)
        })
    }
}
