//! All servers, and what an agent gets of them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use super::{
    Accepted, McpNotice, McpSettings, McpTrouble, Pins, Withheld, keep, listing::Listing, name::name, server::Server,
    tool::McpTool,
};
use crate::{Tool, exec::Reaper};

/// The MCP servers. Dropping it ends them; tools that are still held say that their server is not there.
pub struct Servers {
    all: Vec<Arc<Server>>,
    pins: Arc<dyn Pins>,
    kept: JoinSet<()>,
}

/// What there is of servers now: for an agent, and for its owner.
#[derive(Default)]
pub struct McpOffer {
    /// The tools. They stay the same as long as they are held, so take new ones only where the model's prompt begins anew.
    pub tools: Vec<Arc<dyn Tool>>,
    /// Servers that are not there, and tools that are not offered.
    pub notices: Vec<McpNotice>,
}

impl Servers {
    /// Starts all servers in the background; needs a tokio runtime.
    pub fn open(settings: McpSettings, pins: Arc<dyn Pins>) -> Self {
        let reaper = Arc::<Reaper>::default();
        let all = McpSettings {
            servers: Vec::new(),
            ..settings.clone()
        };
        let servers: Vec<_> = settings
            .servers
            .into_iter()
            .map(|own| Arc::new(Server::new(own, &all, &reaper)))
            .collect();
        let mut kept = JoinSet::new();
        for server in &servers {
            kept.spawn(keep::keep(Arc::clone(server)));
        }
        Self {
            all: servers,
            pins,
            kept,
        }
    }

    /// Waits until each server is there or has failed once, but not longer than `limit`.
    pub async fn ready(&self, limit: Duration) {
        let all = async {
            for server in &self.all {
                server.known().await;
            }
        };
        let _ = timeout(limit, all).await;
    }

    /// What there is now, without waiting for any server. A server that was there and is not any more still offers what it
    /// had, so that a prompt does not change each time one ends. Reads and writes what was accepted.
    pub fn offer(&self) -> McpOffer {
        let mut offer = McpOffer::default();
        let mut names = BTreeSet::new();
        for server in &self.all {
            let now = server.now();
            let own = &server.own.name;
            offer.notices.extend(now.trouble.map(|trouble| trouble.notice(own)));
            let Some(listing) = now.listing else { continue };
            let accepted = match self.accepted(server, &listing) {
                Ok(accepted) => accepted,
                Err(trouble) => {
                    offer.notices.push(trouble.notice(own));
                    continue;
                }
            };
            offer
                .notices
                .extend(listing.withheld.iter().map(|(tool, why)| why.notice(own, tool)));
            for listed in &listing.tools {
                let name = name(own, &listed.name);
                let may = accepted.check(listed).and_then(|()| {
                    // Two servers cannot have one name in a config, but nobody has to rely on it.
                    names.insert(name.clone()).then_some(()).ok_or(Withheld::NameTaken)
                });
                match may {
                    Ok(()) => offer
                        .tools
                        .push(Arc::new(McpTool::new(Arc::clone(server), name, listed))),
                    Err(why) => offer.notices.push(why.notice(own, &listed.name)),
                }
            }
        }
        offer
    }

    /// Accepts the tools of a server as they are now, for its owner; `false` when there is no such server, or nothing is known
    /// of its tools.
    pub fn accept(&self, server: &str) -> Result<bool, McpTrouble> {
        let Some(server) = self.find(server) else {
            return Ok(false);
        };
        let Some(listing) = server.now().listing else {
            return Ok(false);
        };
        self.pin(server, &listing)?;
        Ok(true)
    }

    /// The last that a server wrote to its standard error, for its owner.
    pub fn log(&self, server: &str) -> Option<String> {
        Some(self.find(server)?.log.text())
    }

    fn find(&self, name: &str) -> Option<&Arc<Server>> {
        self.all.iter().find(|server| server.own.name == name)
    }

    /// What was accepted of a server. Whoever puts a server into the config accepts what it has then.
    fn accepted(&self, server: &Server, listing: &Listing) -> Result<Accepted, McpTrouble> {
        let known = self.pins.accepted(&server.own.name);
        let known = known.map_err(|error| McpTrouble::Pins(error.kind()))?;
        match known {
            Some(accepted) if accepted.server == server.own.identity() => Ok(accepted),
            _ => self.pin(server, listing),
        }
    }

    fn pin(&self, server: &Server, listing: &Listing) -> Result<Accepted, McpTrouble> {
        let accepted = Accepted::of(server.own.identity(), listing);
        let kept = self.pins.accept(&server.own.name, &accepted);
        kept.map_err(|error| McpTrouble::Pins(error.kind()))?;
        Ok(accepted)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.kept.abort_all();
        for server in &self.all {
            server.gone(Some(McpTrouble::Ended(None)));
        }
    }
}
