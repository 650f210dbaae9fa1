//! `yabby mcp`: the MCP servers of the config, what they offer, and accepting what they offer now.

use std::time::Duration;

use yabby_core::text;
use yabby_tools::mcp::McpNotice;

use crate::{
    app::App,
    arguments::{Mcp, McpCommand},
    exit::Exit,
    toolbox::mcp_servers,
};

/// How long servers have to be there.
const LIMIT: Duration = Duration::from_secs(40);

pub(crate) async fn run(app: &App, arguments: &Mcp) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let terminal = app.terminal;
    if app.config().mcp.is_empty() {
        terminal.notice(&text!("no MCP server is configured; add mcp.servers to the config"));
        return Exit::Answered;
    }
    let servers = mcp_servers(app.config(), &app.env, &app.paths);
    servers.ready(LIMIT).await;
    match &arguments.command {
        Some(McpCommand::Accept { server }) => match servers.accept(server) {
            Ok(true) => {
                terminal.notice(&text!(
                    "the tools of {server} are accepted as they are now",
                    server = server
                ));
                Exit::Answered
            }
            Ok(false) => {
                terminal.error(
                    &text!(
                        "{server} is no MCP server of the config, or is not there now",
                        server = server
                    ),
                    Some(&text!("run: yabby mcp list")),
                );
                Exit::Usage
            }
            Err(trouble) => {
                terminal.error(&trouble.text(), Some(&trouble.hint(server)));
                Exit::Usage
            }
        },
        None | Some(McpCommand::List) => {
            let offer = servers.offer();
            let lines = offer.tools.iter().map(|tool| {
                let told = &tool.manifest().tool;
                let first = told.description.lines().next().unwrap_or_default();
                format!("{}  {}\n", told.name, crate::terminal::visible(first))
            });
            let printed = app.print(&lines.collect::<String>());
            for McpNotice { text, hint, .. } in &offer.notices {
                terminal.error(text, Some(hint));
            }
            if offer.notices.is_empty() { printed } else { Exit::Usage }
        }
    }
}
