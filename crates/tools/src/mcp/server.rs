//! One server, as its tools see it.

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleClient, ServiceError,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ErrorCode},
    service::Peer,
};
use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};

use super::{McpServer, McpSettings, McpTrouble, error::short, listing::Listing, log::Log, metered::Meter};
use crate::{ToolError, ToolErrorKind, exec::Reaper};

/// A call does not wait longer for a server that is being started.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that is kept, whether it is there or not.
pub(super) struct Server {
    pub(super) own: McpServer,
    pub(super) all: McpSettings,
    pub(super) log: Log,
    pub(super) meter: Meter,
    pub(super) reaper: Arc<Reaper>,
    /// Told when a request found that the server is not there.
    pub(super) lost: Notify,
    turns: Option<Semaphore>,
    now: watch::Sender<Now>,
}

/// How a server is now.
#[derive(Clone, Default)]
pub(super) struct Now {
    peer: Option<Peer<RoleClient>>,
    /// Why it is not there. Without that and without a peer, it is about to be.
    pub(super) trouble: Option<McpTrouble>,
    /// What was last known of its tools.
    pub(super) listing: Option<Arc<Listing>>,
}

impl Now {
    fn is_known(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| !peer.is_transport_closed()) || self.trouble.is_some()
    }
}

impl Server {
    pub(super) fn new(own: McpServer, all: &McpSettings, reaper: &Arc<Reaper>) -> Self {
        Self {
            turns: (!own.parallel).then(|| Semaphore::new(1)),
            own,
            log: Log::new(all.limits.log_bytes),
            meter: Meter::new(all.limits.idle_bytes),
            all: all.clone(),
            reaper: Arc::clone(reaper),
            lost: Notify::new(),
            now: watch::Sender::new(Now::default()),
        }
    }

    pub(super) fn now(&self) -> Now {
        self.now.borrow().clone()
    }

    pub(super) fn there(&self, peer: &Peer<RoleClient>, listing: Listing) {
        self.now.send_replace(Now {
            peer: Some(peer.clone()),
            trouble: None,
            listing: Some(Arc::new(listing)),
        });
    }

    pub(super) fn gone(&self, trouble: Option<McpTrouble>) {
        self.now.send_modify(|now| {
            now.peer = None;
            now.trouble = trouble;
        });
    }

    /// Waits until it is known whether the server is there.
    pub(super) async fn known(&self) -> Now {
        let mut now = self.now.subscribe();
        // The sender is here, so there is no error.
        let known = now.wait_for(Now::is_known).await.map(|now| now.clone());
        known.unwrap_or_default()
    }

    /// Calls a tool, if it still is what it was when its hash was `hash`. Dropping the future tells the server that nobody
    /// waits any more.
    pub(super) async fn call(
        &self,
        tool: &str,
        hash: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallToolResult, ToolError> {
        let name = &self.own.name;
        let _turn = match &self.turns {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let now = timeout(self.own.connect.min(PATIENCE), self.known())
            .await
            .unwrap_or_default();
        let (Some(peer), Some(listing)) = (now.peer, now.listing) else {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!("the MCP server {name} is not there now; go on without it, or try again later"),
            ));
        };
        if listing.find(tool).is_none_or(|tool| tool.hash != hash) {
            return Err(ToolError::new(
                ToolErrorKind::Denied,
                "the MCP server has changed this tool, so it is off; go on without it",
            ));
        }
        self.meter.refill();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments.clone());
        let limit = self.own.timeout;
        match timeout(limit, peer.call_tool_once(params)).await {
            Err(_) => Err(ToolError::new(
                ToolErrorKind::TimedOut,
                format!(
                    "no answer in {} s; the call was cancelled, and what it has done is not known",
                    limit.as_secs()
                ),
            )),
            Ok(Ok(CallToolResponse::Complete(result))) => Ok(result),
            Ok(Ok(_)) => Err(ToolError::new(
                ToolErrorKind::Failed,
                "the MCP server wants something that cannot be given here; go on without this tool",
            )),
            Ok(Err(error)) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &ServiceError) -> ToolError {
        match error {
            ServiceError::McpError(error) => {
                let kind = match error.code {
                    ErrorCode::INVALID_PARAMS => ToolErrorKind::Invalid,
                    _ => ToolErrorKind::Failed,
                };
                ToolError::new(kind, short(&error.message))
            }
            ServiceError::TransportSend(_) | ServiceError::TransportClosed => {
                self.unsent(&McpTrouble::of_request(error))
            }
            _ => ToolError::new(ToolErrorKind::Failed, "what the MCP server answered makes no sense"),
        }
    }

    fn unsent(&self, trouble: &McpTrouble) -> ToolError {
        let name = &self.own.name;
        match trouble {
            McpTrouble::Status(status) => ToolError::new(
                ToolErrorKind::Unavailable,
                format!("the MCP server {name} answers with HTTP status {status}; try again later"),
            ),
            McpTrouble::SaidTooMuch => ToolError::new(
                ToolErrorKind::TooLarge,
                "the answer is too large; ask for less, if the tool lets you",
            ),
            _ => {
                self.lost.notify_waiters();
                ToolError::new(
                    ToolErrorKind::Unavailable,
                    format!(
                        "the MCP server {name} was lost during the call; look at what it has done before you call again"
                    ),
                )
            }
        }
    }
}
