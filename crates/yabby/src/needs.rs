//! Which secrets a command needs. Only these are fetched from their files and programs: a list of sessions must not ask the
//! keyring for the key of an API, nor `config explain` for anything.

use yabby_config::Needs;

use crate::arguments::{Command, Models, ModelsCommand, Route};

/// The secrets that a command needs; `None` for one that needs none.
pub(crate) fn of(command: &Command) -> Option<Needs> {
    match command {
        Command::Models(Models {
            command: Some(ModelsCommand::Aliases),
            ..
        })
        | Command::Route(Route { command: None, .. })
        | Command::Config(_)
        | Command::ManagedServer { .. }
        | Command::ExecBound { .. } => None,
        // A chat is kept, a server shares what was spent, MCP servers have secrets of their own, and `doctor` looks at
        // everything.
        Command::Up(_) | Command::Serve(_) | Command::Prompt(_) | Command::Mcp(_) | Command::Doctor(_) => {
            Some(Needs::All)
        }
        // What it may cost is shared with replicas.
        Command::Ask(_) => Some(Needs::Question),
        Command::Usage(_) => Some(Needs::Spent),
        Command::Setup(_) | Command::Models(_) | Command::Route(_) => Some(Needs::Models),
        Command::Keys(_) | Command::Sessions(_) | Command::Store(_) => Some(Needs::Store),
    }
}
