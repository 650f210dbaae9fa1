//! What talks to models.

use std::path::PathBuf;

use clap::Args;
use yabby_core::Thinking;

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

fn thinking(text: &str) -> Result<Thinking, String> {
    Thinking::of(text).ok_or_else(|| Thinking::ALL.map(Thinking::name).join(", "))
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=2.0).contains(&value) => Ok(value),
        _ => Err("0 … 2".to_owned()),
    }
}
