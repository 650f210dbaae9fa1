//! What is there, how it is reached, and what the config says.

use clap::{Args, Subcommand};
use yabby_config::Api;

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
