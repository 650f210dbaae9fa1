//! `Open WebUI`, asked as its own page asks it: a model, and a chat with the assistant.

use std::process::Command;

use super::{answered_by, assert_done, installed, script};
use crate::place::{path, shared};

/// Its packages, in their versions.
const PACKAGES: &str = include_str!("open-webui-requirements.txt");

#[test]
fn open_webui_chats_with_a_model_and_with_the_assistant() {
    let python = installed("open-webui", PACKAGES, || {
        let folder = shared().join("sdk-open-webui");
        let done = Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .env("PATH", path())
            .output();
        assert!(done.unwrap().status.success());
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "-r",
        ]);
        assert_done(pip.arg(script("open-webui-requirements.txt")));
    });
    // One goes on until it is stopped.
    answered_by(
        "list: [{ id: 'main', default: true }, { id: 'long', model: 'long/smollm2' }]",
        &mut Command::new(python.join("bin/python")),
        &script("open_webui.py"),
    );
}
