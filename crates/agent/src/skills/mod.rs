//! Skills: folders with a `SKILL.md`, which a model is told of in a line and reads when it needs it.
//!
//! Found, chosen and gated as by OpenClaw (openclaw `src/agents/skills/`, `docs/tools/skills.md`, 2026.7).

mod find;
mod front;
mod gate;
mod list;

pub use find::{Skill, SkillEntry, SkillTrouble, SkillTroubleKind, Skills, SkillsSettings};
pub(crate) use front::without_front_matter;
pub use front::{FrontMatter, front_matter};
pub use gate::{Here, Requires};
pub(crate) use list::list;
