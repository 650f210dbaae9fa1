#![doc = include_str!("../README.md")]

mod body;
mod command;
pub mod compact;
mod find;
mod home;
mod hub;
mod live;
mod model;
mod notes;
mod prompt;
mod recall;
mod render;
pub mod results;
mod reuse;
mod routed;
mod skills;
mod state;
mod step;
mod turn;
mod workspace;

pub use body::{Body, Kind, Reminder};
pub use command::Command;
pub use find::{Meant, Toolset};
pub use home::{Helpers, Home, Rules};
pub use hub::{Hub, Watcher};
pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note, Past, Unworked};
pub use prompt::{
    Budget, Cut, FileLimits, Fitting, HELLO, Ingredients, Prompt, Section, ShownTools, Size, Source, Tokens, fitted,
    hello,
};
pub use recall::Recall;
pub use render::render;
pub use results::ResultTool;
pub use reuse::{Cause, Change, Lost, Part, first_change};
pub use routed::{Routed, capped};
pub use skills::{
    FrontMatter, Here, Requires, Skill, SkillEntry, SkillTrouble, SkillTroubleKind, Skills, SkillsSettings,
    front_matter,
};
pub use state::State;
pub(crate) use step::not_run;
pub use step::{
    Circles, Exceeded, Facts, Limits, Pending, Permit, Repeated, Spent, Step, Undone, View, repeated, step, undone,
};
pub use turn::{Assistant, NotCounted, Spawn, Unsaid};
pub use workspace::{FileName, FileTrouble, Scene, TroubleKind, Workspace, WorkspaceFile};
pub use yabby_config::QueueMode;
