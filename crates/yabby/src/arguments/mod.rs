//! The command line. Each help text here has its translation in `zh_tw/cli.txt`.

mod asking;
mod kept;
mod keys;
mod looking;

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand};

pub(crate) use asking::{Ask, Serve, Up};
pub(crate) use kept::{Sessions, SessionsCommand, SessionsList, Store, StoreCommand, Usage};
pub(crate) use keys::{Keys, KeysAdd, KeysCommand};
pub(crate) use looking::{
    Config, ConfigCommand, Doctor, Mcp, McpCommand, Models, ModelsCommand, Probe, Prompt, Route, RouteCommand, Setup,
};

/// A personal AI assistant gateway that lives on your own models
#[derive(Debug, Parser)]
#[command(
    name = "yabby",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Read this config file and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a model available and chat with it, here and on a web page
    Up(Up),
    /// Ask one question and print the answer
    Ask(Ask),
    /// Serve the models to programs on this machine, in the OpenAI and Anthropic APIs
    Serve(Serve),
    /// Make, list and revoke the keys with which programs and people use the gateway
    Keys(Keys),
    /// Find model servers, try their models and write the config
    Setup(Setup),
    /// List models, or choose the default one
    Models(Models),
    /// Show what an agent is told before a conversation, in tokens by its parts
    Prompt(Prompt),
    /// Show the last turns, and how a request finds its model
    Route(Route),
    /// Check the config and every endpoint, and say how to fix what is wrong
    Doctor(Doctor),
    /// Show what hosted models cost
    Usage(Usage),
    /// List, read, search or delete what was said
    Sessions(Sessions),
    /// Show where sessions and messages are kept; check, back up, export and import them
    Store(Store),
    /// Show the MCP servers of the config and their tools, and accept what has changed
    Mcp(Mcp),
    /// Check, show or explain the config
    Config(Config),
    /// The supervisor of the managed server; started by Yabby itself
    #[command(hide = true)]
    ManagedServer { folder: PathBuf },
    /// Become a program that ends together with its parent; started by Yabby itself
    #[command(hide = true)]
    ExecBound {
        parent: u32,
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}
