//! `yabby serve` follows its config: what is edited while it runs counts for the next request, and a bad edit does not.

mod hangup;
mod judge;
mod watched;

use std::sync::Arc;

use yabby_config::{Loaded, Needs, Vault, load};
use yabby_core::{Text, text};
use yabby_gateway::{Furniture, Reload, Settings};

use self::{
    hangup::{Hangup, Signal},
    judge::{Refused, judge},
    watched::Watched,
};
use crate::{
    app::App,
    assistant::{Chosen, Furnishing, Working},
    models::{Look, here},
};

/// Keeps a gateway at what the config says.
pub(crate) struct Following {
    /// With the config that counts.
    app: App,
    reload: Reload,
    watched: Watched,
    hangup: Hangup,
    /// The assistant, where there is one.
    furnishing: Option<Furnishing>,
}

/// Why the config is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Change,
    Asked,
}

impl Following {
    /// Begins with the config of `app`.
    pub(crate) fn new(app: &App, reload: Reload, working: Option<&Working>) -> Self {
        Self {
            app: app.with(app.loaded.clone(), app.vault.clone()),
            watched: Watched::now(app.loaded.files()),
            reload,
            hangup: Hangup::listen(),
            furnishing: working.map(Working::furnishing),
        }
    }

    /// Follows the config until the terminal is closed.
    pub(crate) async fn run(&mut self) {
        loop {
            let cause = tokio::select! {
                () = self.watched.changed() => Cause::Change,
                signal = self.hangup.next() => match signal {
                    Signal::ReadAnew => Cause::Asked,
                    Signal::TerminalGone => return,
                },
            };
            Box::pin(self.read(cause)).await;
        }
    }

    /// Reads the config anew, and uses it if it is good.
    async fn read(&mut self, cause: Cause) {
        let Some((loaded, vault, watched)) = self.loaded().await else {
            return;
        };
        self.watched = watched;
        if let Err(refused) = judge(&self.app.loaded, &loaded) {
            return self.refuse(&refused, &loaded);
        }
        let was_refused = self.reload.state().problem.is_some();
        if cause == Cause::Change && loaded.config == self.app.loaded.config {
            // A comment, or something that Yabby does not use.
            self.reload.settle(Settings::of(&loaded));
            self.app.loaded = loaded;
            if was_refused {
                self.app.terminal.notice(&text!("the config is in order again"));
            }
            return;
        }
        let app = self.app.with(loaded, vault);
        let found = match here(&app, None, Look::Needed).await {
            Ok(found) => found,
            Err(error) => {
                let refused = Refused {
                    problem: error.message.clone(),
                    hint: error.hint.clone(),
                    mistakes: Vec::new(),
                };
                return self.refuse(&refused, &app.loaded);
            }
        };
        let new = Furniture {
            config: app.config().clone(),
            fleet: found.fleet,
            default: found.default.clone(),
            settings: Settings::of(&app.loaded),
        };
        if let Err(refused) = self.leaves_a_model(&new) {
            return self.refuse(&refused, &app.loaded);
        }
        // What was taught since the last time must not go with an endpoint.
        self.app.keep(&self.reload.fleet());
        let fleet = self.reload.put(new);
        if let Some(furnishing) = &mut self.furnishing {
            let chosen = Chosen {
                fleet: Arc::new(fleet),
                default: found.default,
                named: None,
                reasoning: false,
                private: None,
            };
            furnishing.change(&app, chosen).await;
        }
        app.services.release_others(app.config());
        self.tell(&app, &found.notices);
        self.app = app;
    }

    /// The config as it is written now, with its secrets; and the files that it is made of, as they were before.
    async fn loaded(&self) -> Option<(Loaded, Vault, Watched)> {
        let (env, paths, named) = (self.app.env.clone(), self.app.paths.clone(), self.app.named.clone());
        let mut watched = Watched::now(self.app.loaded.files());
        let read = move || {
            loop {
                let mut loaded = load(&env, &paths, named.as_deref());
                let files = loaded.files();
                if !watched.are(&files) {
                    // Others are to be watched: they must not change unseen while they are read.
                    watched = Watched::now(files);
                    loaded = load(&env, &paths, named.as_deref());
                    if !watched.are(&loaded.files()) {
                        continue;
                    }
                }
                let vault = Vault::default();
                // A program that gives secrets takes its time.
                loaded.fetch(&vault, Needs::All);
                return (loaded, vault, watched);
            }
        };
        tokio::task::spawn_blocking(read).await.ok()
    }

    /// A config without a model is used only where that was so before.
    fn leaves_a_model(&self, new: &Furniture) -> Result<(), Refused> {
        let Err(none) = new.has_model() else {
            return Ok(());
        };
        // Nothing else than that may come of a mistake in what is private.
        let narrowed = new.config.agents.defaults.privacy.in_doubt;
        if self.reload.has_model().is_err() || narrowed {
            return Ok(());
        }
        Err(Refused {
            problem: none.reason(),
            hint: Some(none.hint()),
            mistakes: Vec::new(),
        })
    }

    fn refuse(&self, refused: &Refused, loaded: &Loaded) {
        let terminal = self.app.terminal;
        let mistakes = refused.mistakes.iter().filter_map(|at| loaded.diagnostics.get(*at));
        let rendered = loaded.render_only(mistakes, terminal.lang, terminal.color());
        if !rendered.trim().is_empty() {
            terminal.line(rendered.trim_end());
        }
        terminal.error(
            &text!("the changed config is not used: {problem}", problem = refused.problem),
            refused.hint.as_ref(),
        );
        terminal.notice(&text!(
            "what was set before goes on; the config is read again as soon as it changes"
        ));
        self.reload.refuse(loaded, refused.problem.clone());
    }

    fn tell(&self, app: &App, notices: &[Text]) {
        let terminal = app.terminal;
        match app.loaded.origin.path() {
            Some(path) => terminal.notice(&text!("the config was read anew: {path}", path = path.display())),
            None => terminal.notice(&text!("Yabby goes on without a config file")),
        }
        for notice in notices {
            terminal.notice(notice);
        }
        let (new, old) = (app.config(), self.app.config());
        let changed = [
            ("store", new.store != old.store),
            ("gateway", new.gateway != old.gateway),
            ("diagnostics", new.otel != old.otel),
        ];
        for (section, _) in changed.iter().filter(|(_, changed)| *changed) {
            terminal.notice(&text!(
                "what was changed in {section} counts from the next start on",
                section = section
            ));
        }
    }
}
