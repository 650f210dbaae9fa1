//! The end of `yabby setup`: what changes is shown, agreed to and written.

use yabby_config::{Diagnostic, Edit, Origin, Severity};
use yabby_core::{Text, text};

use super::{
    change::{self, Chosen},
    recommend::Advice,
    report::{Written, report},
    run::Steps,
    show,
};
use crate::{
    config_file::Saved,
    exit::Exit,
    person::{self, Gone},
    terminal::Mark,
};

impl Steps<'_> {
    /// Shows what changes, writes it where that is agreed, and says how to go on.
    pub(super) async fn write(self, advice: &Advice, chosen: Chosen, asks: bool) -> Exit {
        let app = self.app;
        let change = change::edit(app, &self.found, &self.rows, chosen);
        let failed = |message: &Text| {
            app.terminal.error(message, None);
            Exit::Usage
        };
        let text = match self.file.edited(&change) {
            Ok(text) => text,
            Err(error) => return failed(&error),
        };
        let nothing = change == Edit::default() || text == self.file.base();
        if !nothing && let Err(exit) = self.would_work(&text) {
            return exit;
        }
        if !nothing && !self.arguments.json {
            show::changes(app, &self.file, &text);
        }
        let mut agreed = self.arguments.yes;
        if asks && !nothing {
            app.terminal.out("");
            agreed = match person::yes(app.terminal, &text!("Write this?"), true).await {
                Ok(agreed) => agreed,
                Err(Gone) => return Exit::Stopped,
            };
        }
        let saved = if nothing || !agreed {
            None
        } else {
            match self.file.save(&text) {
                Ok(saved) => Some(saved),
                Err(error) => return failed(&error),
            }
        };
        if self.arguments.json {
            let written = Written {
                path: &self.file.path,
                saved: saved.as_ref(),
            };
            let object = report(app, &self.found, &self.rows, advice, chosen, &self.notes, &written);
            app.terminal
                .out(&serde_json::to_string_pretty(&object).unwrap_or_default());
        } else {
            self.end(chosen, nothing, asks, saved.as_ref());
        }
        if self.arguments.yes && chosen.primary.is_none() {
            return Exit::NoAnswer;
        }
        if self.named.is_none() && self.is_silent() {
            return Exit::NoAnswer;
        }
        Exit::Answered
    }

    /// Whether the config would be read as it is meant. What stands elsewhere in it may be stronger.
    fn would_work(&self, text: &str) -> Result<(), Exit> {
        let draft = self.file.draft(self.app, text);
        let known = |found: &Diagnostic| {
            let before = &self.app.loaded.diagnostics;
            before.iter().any(|old| old.kind == found.kind && old.key == found.key)
        };
        let errors: Vec<&Diagnostic> = draft
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error && !known(found))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        let terminal = self.app.terminal;
        let rendered = draft.render_only(errors, terminal.lang, terminal.color());
        terminal.line(rendered.trim_end());
        terminal.error(
            &text!("the config would have new errors, so nothing is written"),
            Some(&text!("change it by hand; `yabby config check` reports every mistake")),
        );
        Err(Exit::Usage)
    }

    fn end(&self, chosen: Chosen, nothing: bool, asks: bool, saved: Option<&Saved>) {
        let app = self.app;
        let terminal = app.terminal;
        if chosen.primary.is_none() {
            return;
        }
        terminal.out("");
        let path = self.file.path.display();
        if nothing {
            show::item(
                terminal,
                Mark::Good,
                &text!("The config has all of this already; nothing is written."),
                None,
            );
        } else if let Some(saved) = saved {
            show::item(terminal, Mark::Good, &text!("{path} is written", path = path), None);
            if let Some(backup) = &saved.backup {
                let words = text!("what was in it before: {path}", path = backup.display());
                show::item(terminal, Mark::Note, &words, None);
            }
            if let Origin::OpenClaw(openclaw) = &app.loaded.origin {
                let words = text!(
                    "{openclaw} stays as it is; Yabby now has a config of its own that includes it",
                    openclaw = openclaw.display()
                );
                show::item(terminal, Mark::Note, &words, None);
            }
        } else if asks {
            show::item(terminal, Mark::Note, &text!("Nothing is written."), None);
            return;
        } else {
            let words = text!("Nothing is written: nobody was there to ask.");
            let fix = text!("run it again with --yes to write this, or in a terminal to choose");
            show::item(terminal, Mark::Note, &words, Some(&fix));
            return;
        }
        terminal.out("");
        let unproved = chosen.primary.is_some_and(|place| {
            let row = &self.rows[place];
            let failed = row.proof.as_ref().is_some_and(|proof| !proof.answers());
            failed || (!row.can_be_used() && self.named == Some(place))
        });
        let next = if unproved {
            text!("When it runs, `yabby doctor` says whether all is well.")
        } else {
            text!("Try it: yabby ask \"What can you do?\"")
        };
        terminal.out(&terminal.say(&next));
    }
}
