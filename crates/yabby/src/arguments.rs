//! The command line. Each help text here has its translation in `zh_tw/cli.txt`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use yabby_config::Api;
use yabby_core::{Thinking, Zone};

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

#[derive(Args, Debug)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) command: SessionsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List sessions, the latest first
    List(SessionsList),
    /// Print what was said in a session
    Show {
        /// The beginning of a session's id, or the key of a conversation, which stands for its last session
        #[arg(value_name = "ID|KEY")]
        session: String,

        /// So many of the last items; 20 without it, and all with --json
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        last: Option<u32>,

        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Find words in everything that was said; quoted words must stand together
    Search {
        /// The words; all of them must be in one message
        #[arg(value_name = "WORDS", required = true)]
        words: Vec<String>,

        /// The most places to print
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a session with its attachments
    Rm {
        /// The beginning of a session's id, or the key of a conversation, which stands for its last session
        #[arg(value_name = "ID|KEY")]
        session: String,

        /// Delete all sessions of the conversation
        #[arg(long)]
        all: bool,

        /// Ask nothing
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SessionsList {
    /// Those of this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,

    /// Those in which something was said since: a day such as 2026-11-25, or an age such as 12h or 7d
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,

    /// The most sessions to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Mcp {
    #[command(subcommand)]
    pub(crate) command: Option<McpCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// List the tools that the servers offer, and what is wrong
    List,
    /// Accept the tools of a server as they are now
    Accept {
        /// The name of the server in mcp.servers
        #[arg(value_name = "SERVER")]
        server: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: Option<StoreCommand>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Look for what is damaged or does not fit together
    Check {
        /// Mend what follows from the rest, and remove what nothing needs
        #[arg(long)]
        repair: bool,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy everything as it is now, while others go on
    Backup {
        /// Where to, instead of the folder for backups, in which the last 7 are kept
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Write everything into one file that any Yabby can import, into SQLite or PostgreSQL
    Export {
        /// The file; - is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Read an export or a backup, or the sessions of OpenClaw
    Import {
        /// An export or a backup
        #[arg(value_name = "FILE", required_unless_present = "openclaw")]
        file: Option<PathBuf>,

        /// Read the sessions of OpenClaw, from this folder or the usual one
        #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["file", "merge"])]
        openclaw: Option<OsString>,

        /// Add what is not there to a store that is not empty
        #[arg(long)]
        merge: bool,

        /// Only say what would be imported
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete what was kept for long enough, and give the space back
    Vacuum,
}

#[derive(Args, Debug)]
pub(crate) struct Usage {
    /// So many days, today included
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub(crate) days: u32,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Serve this GGUF file instead of the embedded model
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub(crate) model_path: Option<PathBuf>,

    /// Chat with this model: an alias or provider/model
    #[arg(long, short, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Ask only models on this machine and in this network
    #[arg(long)]
    pub(crate) private: bool,

    /// Print the model's reasoning, dimmed, to standard error
    #[arg(long)]
    pub(crate) show_reasoning: bool,

    /// Go on with this conversation: main, or a name of your own
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,

    /// The port of the page; otherwise the config's, 18789 or the next free one
    #[arg(long, value_name = "N", conflicts_with = "private")]
    pub(crate) port: Option<u16>,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Ask {
    /// The question; piped input is added below it
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Vec<String>,

    /// A picture that the question is about; may be given several times
    #[arg(long, short, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,

    /// Ask this model and no other: an alias or provider/model
    #[arg(long, short, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Print one JSON object: text, model, attempts, usage, timings
    #[arg(long)]
    pub(crate) json: bool,

    /// Say afterwards which models were to be asked and what became of each
    #[arg(long)]
    pub(crate) explain: bool,

    /// Ask only models on this machine and in this network
    #[arg(long)]
    pub(crate) private: bool,

    /// Print the model's reasoning, dimmed, to standard error
    #[arg(long)]
    pub(crate) show_reasoning: bool,

    /// Ask for the answer in one piece
    #[arg(long)]
    pub(crate) no_stream: bool,

    /// Instructions that come before the question
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    /// The most tokens that the answer may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,

    /// Sampling temperature; 0 always takes the likeliest word
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub(crate) temperature: Option<f64>,

    /// How hard the model thinks first: off, minimal, low, medium, high, xhigh, max or adaptive
    #[arg(long, value_name = "LEVEL", value_parser = thinking)]
    pub(crate) think: Option<Thinking>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The port; that of the config or 18789 without it
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
}

#[derive(Args, Debug)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, which is shown once
    Add(KeysAdd),
    /// List the keys, without their secrets
    List {
        /// Also those that are no longer valid
        #[arg(long)]
        all: bool,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key, which ends what it is used for now
    Revoke {
        /// The id of the key, or its beginning
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Make a link that lets a browser in, once and within ten minutes
    Link {
        /// A name for the browser or phone
        #[arg(long, value_name = "NAME")]
        name: Option<String>,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct KeysAdd {
    /// A name for the program or person that gets it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Only these models, by alias or provider/model, with * for anything; several with commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) models: Vec<String>,

    /// Only these agents, with * for anything; several with commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) agents: Vec<String>,

    /// So many US dollars a day at the most
    #[arg(long, value_name = "USD", value_parser = budget)]
    pub(crate) budget: Option<f64>,

    /// So many requests a minute at the most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,

    /// Only models in this zone: machine, lan, region:CODE or hosted
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) zone: Option<Zone>,

    /// It may also see and change how the gateway works
    #[arg(long)]
    pub(crate) operate: bool,

    /// It is valid for so many days; for ever without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: Option<u32>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Setup {
    /// Ask nothing: load a model if none is loaded, and write what is recommended or named
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// The provider to add or to look at: its id in the config
    #[arg(long, value_name = "ID")]
    pub(crate) provider: Option<String>,

    /// The address of its server, such as 192.168.1.5:1234
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// The model to use: its id on the server
    #[arg(long, short, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// The environment variable that holds the key; the key itself is never written
    #[arg(long, value_name = "NAME")]
    pub(crate) key_env: Option<String>,

    /// The protocol of the server: openai-completions, openai-responses, anthropic-messages or ollama
    #[arg(long, value_name = "API", value_parser = api)]
    pub(crate) api: Option<Api>,

    /// Print one JSON object: what was found and what was written
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Models {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the list again every two seconds, until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Make a model the default one, in the config file
    Set {
        /// An alias or provider/model
        #[arg(value_name = "MODEL")]
        model: String,
    },
    /// List the aliases
    Aliases,
    /// Try out what a model can do: a minute of small questions
    Probe(Probe),
}

#[derive(Args, Debug)]
pub(crate) struct Probe {
    /// An alias, provider/model, or the id of a model that one endpoint has
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,

    /// Print one JSON object when all is done
    #[arg(long)]
    pub(crate) json: bool,

    /// The most time that all tests may take together
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Prompt {
    /// The prompt of this agent; the default one without it
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,

    /// As this model would get it: an alias or provider/model
    #[arg(long, short, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Print one JSON object, with the whole text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Route {
    #[command(subcommand)]
    pub(crate) command: Option<RouteCommand>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Show the plan for a model or an agent as it would be made now, or what became of a turn
    Explain {
        /// A model, an alias, an agent, or the id of a turn; the default chain without it
        #[arg(value_name = "REF")]
        name: Option<String>,

        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Also ask a model of each endpoint for a short answer
    #[arg(long)]
    pub(crate) deep: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake with its place
    Check,
    /// Print the effective config, without secrets
    Show,
    /// Say what a key does, what it is set to and where
    Explain {
        /// A dotted key, such as agents.defaults.model.primary
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Print the JSON Schema of the config
    Schema,
}

fn api(text: &str) -> Result<Api, String> {
    let names = Api::KNOWN.iter().map(Api::name).collect::<Vec<_>>();
    match Api::from_name(text) {
        Api::Unsupported(_) => Err(names.join(", ")),
        api => Ok(api),
    }
}

fn budget(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("0 …".to_owned()),
    }
}

fn zone(text: &str) -> Result<Zone, String> {
    text.parse::<Zone>()
        .map_err(|_| "machine, lan, region:<code>, hosted".to_owned())
}

fn thinking(text: &str) -> Result<Thinking, String> {
    Thinking::of(text).ok_or_else(|| Thinking::ALL.map(Thinking::name).join(", "))
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=2.0).contains(&value) => Ok(value),
        _ => Err("0 … 2".to_owned()),
    }
}
