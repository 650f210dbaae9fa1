//! What is kept: sessions, the store, and what hosted models cost.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand};

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
