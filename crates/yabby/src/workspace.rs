//! Where the files of an agent are.

use std::path::{Path, PathBuf};

use yabby_agent::SkillsSettings;
use yabby_config::{Origin, vars};

use crate::app::App;

/// The agent that there is without any config.
pub(crate) const DEFAULT_AGENT: &str = "main";

/// The folder of an agent's files: OpenClaw's, where its config is read, else `workspace` in Yabby's own folder. Another agent
/// than the default one has a folder of its own, as with OpenClaw: `workspace-<id>` beside it, or below it.
pub(crate) fn folder(app: &App, agent: Option<&str>) -> PathBuf {
    let default = match (app.env.get(vars::OPENCLAW_WORKSPACE), &app.loaded.origin) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Origin::OpenClaw(_)) => openclaw(app).join("workspace"),
        (None, _) => app.paths.state_dir.join("workspace"),
    };
    match agent.filter(|agent| *agent != DEFAULT_AGENT) {
        None => default,
        Some(agent) => {
            let agent = agent.replace(['/', '\\'], "-");
            let beside = default.with_file_name(format!("workspace-{agent}"));
            if beside.is_dir() { beside } else { default.join(&agent) }
        }
    }
}

/// Where skills are looked for.
pub(crate) fn skills(app: &App, folder: &Path) -> SkillsSettings {
    let home = app.env.get(vars::HOME).map(Path::new);
    SkillsSettings {
        folders: SkillsSettings::places(folder, home, openclaw(app), &[]),
        ..SkillsSettings::default()
    }
}

/// The folder of OpenClaw.
fn openclaw(app: &App) -> &Path {
    app.paths.openclaw_config.parent().unwrap_or(Path::new(""))
}
