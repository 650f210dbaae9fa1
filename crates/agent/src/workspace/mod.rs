//! The files that an owner keeps for an agent: `AGENTS.md`, `SOUL.md` and so on, read as OpenClaw reads them
//! (openclaw `src/agents/workspace.ts` and `docs/concepts/agent-workspace.md`, 2026.7 and 2026.8).
//!
//! What OpenClaw takes for one kind of conversation, Yabby takes too. Other than there, a missing file is not mentioned,
//! and front matter is left out, which only the pages that templates are copied from have.

mod read;
mod scene;

pub use read::{FileName, FileTrouble, TroubleKind, Workspace, WorkspaceFile};
pub use scene::Scene;
