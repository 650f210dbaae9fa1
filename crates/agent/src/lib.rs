#![doc = include_str!("../README.md")]

mod find;
mod live;
mod model;
mod notes;
mod prompt;
mod render;
mod skills;
mod workspace;

pub use find::{Meant, Toolset};
pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note};
pub use prompt::{
    Budget, Cut, FileLimits, Fitting, HELLO, Ingredients, Prompt, Section, ShownTools, Size, Source, Tokens, fitted,
    hello,
};
pub use render::render;
pub use skills::{
    FrontMatter, Here, Requires, Skill, SkillEntry, SkillTrouble, SkillTroubleKind, Skills, SkillsSettings,
    front_matter,
};
pub use workspace::{FileName, FileTrouble, Scene, TroubleKind, Workspace, WorkspaceFile};
