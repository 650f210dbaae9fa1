//! What every command needs, wired once.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use yabby_config::{Config, DiagnosticKind, Environment, Loaded, Needs, Paths, Severity, Vault, load};
use yabby_core::text;
use yabby_gateway::{Log, Telemetry};
use yabby_route::{Router, Spending, Tally, TurnRecord, Turns};
use yabby_servers::{Fleet, Http, Notebook, managed::Services};

use crate::{
    exit::Exit,
    saying::unwritten,
    shared::{self, Database},
    stored, telemetry,
    terminal::Terminal,
};

/// The environment, the config and the terminal of this run.
pub(crate) struct App {
    pub(crate) env: Environment,
    pub(crate) paths: Paths,
    /// The config that the command line names.
    pub(crate) named: Option<PathBuf>,
    pub(crate) loaded: Loaded,
    /// What files and programs with secrets have answered.
    pub(crate) vault: Vault,
    pub(crate) terminal: Terminal,
    pub(crate) http: Http,
    /// What servers have taught, kept over restarts.
    pub(crate) notebook: Notebook,
    /// What became of the last turns.
    pub(crate) turns: Turns,
    /// The database that replicas share, where the config names one.
    pub(crate) database: Option<Database>,
    /// The programs that the config names.
    pub(crate) services: Services,
    /// What hosted models cost, once somebody wants to know: one for all of this run, whatever config they have.
    pub(crate) spending: OnceLock<Spending>,
    /// How much each model was used.
    pub(crate) tally: Tally,
    /// Where traces and metrics go, once there is a gateway that sends them.
    telemetry: OnceLock<Telemetry>,
    /// What was told lately, for whoever looks after a gateway.
    pub(crate) log: Log,
}

impl App {
    pub(crate) fn new(env: Environment, paths: Paths, config: Option<&Path>, terminal: Terminal) -> Self {
        let loaded = load(&env, &paths, config);
        Self {
            database: stored::database(&loaded.config, &paths, terminal),
            loaded,
            vault: Vault::default(),
            http: Http::default(),
            notebook: Notebook::of(&paths.state_dir),
            turns: Turns::of(&paths.state_dir),
            services: Services::new(&paths.state_dir),
            spending: OnceLock::new(),
            tally: Tally::of(&paths.state_dir),
            telemetry: OnceLock::new(),
            log: Log::default(),
            named: config.map(Path::to_owned),
            env,
            paths,
            terminal,
        }
    }

    /// The same with another config. Where things are stored does not change while Yabby runs.
    pub(crate) fn with(&self, loaded: Loaded, vault: Vault) -> Self {
        Self {
            env: self.env.clone(),
            paths: self.paths.clone(),
            named: self.named.clone(),
            loaded,
            vault,
            terminal: self.terminal,
            http: self.http.clone(),
            notebook: self.notebook.clone(),
            turns: self.turns.clone(),
            database: self.database.clone(),
            services: self.services.clone(),
            spending: self.spending.clone(),
            tally: self.tally.clone(),
            telemetry: self.telemetry.clone(),
            log: self.log.clone(),
        }
    }

    /// Fetches the secrets that a command needs, and sees what the config says with them.
    pub(crate) fn fetch(&mut self, needs: Needs) {
        self.loaded.fetch(&self.vault, needs);
        self.database = stored::database(&self.loaded.config, &self.paths, self.terminal);
    }

    /// A gateway follows, which sends traces and metrics where the config wants them.
    pub(crate) fn begin_telemetry(&self) {
        telemetry::tell_missing(self);
        let _ = self.telemetry.set(Telemetry::new(self.config().otel.as_ref()));
    }

    /// Where traces and metrics go.
    pub(crate) fn telemetry(&self) -> Telemetry {
        self.telemetry.get().cloned().unwrap_or_default()
    }

    /// Writes down what the servers of `fleet` have taught.
    pub(crate) fn keep(&self, fleet: &Fleet) {
        if let Err(error) = self.notebook.keep(fleet) {
            self.terminal.notice(&text!(
                "what was learned about the servers cannot be kept in {path}: {error}",
                path = self.paths.state_dir.display(),
                error = error
            ));
        }
    }

    /// Writes down what became of a turn.
    pub(crate) fn record(&self, turn: &TurnRecord) {
        self.tally.turn(turn);
        // It is for the sake of statistics.
        let _ = self.tally.write();
        if let Err(error) = self.turns.keep(turn) {
            self.terminal.notice(&text!(
                "what became of this turn cannot be kept in {path}: {error}",
                path = self.paths.state_dir.display(),
                error = error
            ));
        }
    }

    /// The router of this run, and what hosted models cost in it. That is to be handed over to other replicas.
    pub(crate) fn router(&self) -> (Router, Spending) {
        let spending = shared::spending(self);
        let router = Router::new(&self.http, self.config()).with_spending(spending.clone());
        (router, spending)
    }

    /// Writes what was asked for to standard output.
    pub(crate) fn print(&self, text: &str) -> Exit {
        match self.terminal.answer(text) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => unwritten(self.terminal, &error),
            _ => Exit::Answered,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Shows mistakes in the config before a command goes on. Only a config that cannot be read at all ends it: the
    /// command would talk to other models than its owner meant. A wrong section is off, and the rest is used.
    pub(crate) fn config_or_exit(&self) -> Result<(), Exit> {
        let errors = || {
            self.loaded
                .diagnostics
                .iter()
                .filter(|found| found.severity == Severity::Error)
        };
        if errors().next().is_none() {
            return Ok(());
        }
        let rendered = self
            .loaded
            .render_only(errors(), self.terminal.lang, self.terminal.color());
        self.terminal.line(rendered.trim_end());
        if errors().any(|error| matches!(error.kind, DiagnosticKind::Syntax | DiagnosticKind::Unreadable)) {
            return Err(Exit::Usage);
        }
        Ok(())
    }
}
