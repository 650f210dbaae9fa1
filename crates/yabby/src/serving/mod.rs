//! `yabby serve` follows its config: what is edited while it runs counts for the next request, and a bad edit does not.

mod hangup;
mod judge;
mod watched;

use std::sync::Arc;

use yabby_config::{Config, Loaded, Needs, Vault, load};
use yabby_core::{Text, text};
use yabby_gateway::{Furniture, Level, Reload, Settings};

use self::{
    hangup::{Hangup, Signal},
    judge::{Refused, exposed, judge, keeps_data_here},
    watched::Watched,
};
use crate::{
    app::App,
    assistant::{Chosen, Furnishing, Working},
    gateway::open::tell_unlocked,
    models::{Look, here},
};

/// Keeps a gateway at what the config says.
pub(crate) struct Following {
    /// With the config that counts.
    app: App,
    /// The config with which Yabby was started.
    began: Config,
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
            began: app.config().clone(),
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
        let exposed = self.reload.bears(&loaded.config.gateway).err().map(exposed);
        match &exposed {
            Some(refused) if !keeps_data_here(&self.app.loaded, &loaded) => return self.refuse(refused, &loaded),
            _ => {}
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
        if let Some(Refused { problem, hint, .. }) = &exposed {
            app.terminal.error(problem, hint.as_ref());
            app.terminal
                .notice(&text!("who may use the gateway stays as it was set before"));
        } else if app.config().gateway.auth.open && !self.app.config().gateway.auth.open {
            tell_unlocked(&app);
        }
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
        for key in waiting(&self.began, self.app.config(), app.config()) {
            let later = text!(
                "what was changed in {section} counts from the next start on",
                section = key
            );
            terminal.notice(&later);
            app.log.tell(Level::Warn, "config", &later);
        }
    }
}

/// What was changed just now, and counts only when Yabby is started anew.
fn waiting(began: &Config, before: &Config, now: &Config) -> Vec<&'static str> {
    /// Changed, and not back to what counts.
    fn is_new<T: PartialEq>(all: [&T; 3]) -> bool {
        let [began, before, now] = all;
        now != before && now != began
    }
    let gateways = [began, before, now].map(|config| &config.gateway);
    let changed = [
        ("store", is_new([began, before, now].map(|config| &config.store))),
        ("gateway.bind", is_new(gateways.map(|gateway| &gateway.bind))),
        ("gateway.port", is_new(gateways.map(|gateway| &gateway.port))),
        ("gateway.tls", is_new(gateways.map(|gateway| &gateway.tls))),
        ("diagnostics", is_new([began, before, now].map(|config| &config.otel))),
    ];
    let changed = changed.into_iter().filter(|(_, is_new)| *is_new);
    changed.map(|(key, _)| key).collect()
}
