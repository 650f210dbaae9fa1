//! Who may use the gateway.

use clap::{Args, Subcommand};
use yabby_core::Zone;

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
