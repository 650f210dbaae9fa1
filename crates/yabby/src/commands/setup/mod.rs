//! `yabby setup`: finds servers, shows what they really do, recommends, and writes the config.
//!
//! | how it is run | what it does |
//! |---|---|
//! | on a terminal | shows, asks, writes what was chosen |
//! | `--yes` | shows, writes what is recommended |
//! | neither | shows what it would write |
//! | `--base-url`, `--provider`, `--model` | the same for this server and model alone |

mod address;
mod change;
mod named;
mod proof;
mod recommend;
mod report;
mod row;
mod run;
mod server;
mod show;
mod write;

pub(crate) use run::run;
