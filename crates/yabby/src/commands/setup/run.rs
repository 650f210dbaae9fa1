//! The steps of `yabby setup`, one after the other.

use yabby_config::{Diagnostic, Edit, Origin, Severity, is_variable_name};
use yabby_core::{ModelRef, Text, text};
use yabby_servers::ModelState;

use super::{
    address::{self, Refusal},
    ask::{self, Gone},
    change::{self, Chosen},
    proof::{COLD, LOADED, prove},
    recommend::{Advice, Pick, fallback_for, recommend},
    report::{Written, report},
    row::{Role, Row, rows},
    server::{Found, Server, everywhere, key_place},
    show,
};
use crate::{
    app::App,
    arguments::Setup,
    config_file::{ConfigFile, Saved},
    exit::Exit,
    terminal::Mark,
};

/// Models of one server that are tried without being chosen.
const TRIED: usize = 3;

/// How many models `--yes` loads until one answers.
const LOADS: usize = 3;

pub(crate) async fn run(app: &App, arguments: &Setup) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    match Steps::begin(app, arguments).await {
        Ok(steps) => steps.go().await,
        Err(refusal) => refuse(app, &refusal),
    }
}

fn refuse(app: &App, refusal: &Refusal) -> Exit {
    app.terminal.error(&refusal.message, refusal.hint.as_ref());
    Exit::Usage
}

struct Steps<'a> {
    app: &'a App,
    arguments: &'a Setup,
    file: ConfigFile,
    found: Found,
    rows: Vec<Row>,
    /// Models that are not in the rows, because there are too many.
    left_out: usize,
    /// The model that the command line names.
    named: Option<usize>,
    /// What is written although something is not as it should be.
    notes: Vec<Text>,
}

impl<'a> Steps<'a> {
    /// Finds everything, and the model that is named.
    async fn begin(app: &'a App, arguments: &'a Setup) -> Result<Self, Refusal> {
        check(arguments)?;
        let file = ConfigFile::of(app).map_err(|message| Refusal { message, hint: None })?;
        let one = arguments.base_url.is_some() || arguments.provider.is_some();
        let found = if one {
            address::look(app, &file, arguments).await?
        } else {
            everywhere(app).await
        };
        let (rows, left_out) = rows(app, &found, arguments.model.as_deref());
        let mut steps = Self {
            app,
            arguments,
            file,
            found,
            rows,
            left_out,
            named: None,
            notes: Vec::new(),
        };
        if let Some(name) = &arguments.key_env
            && let Some(server) = steps.found.servers.first()
            && server.endpoint.key.is_none()
            && server.facts.error.is_none()
        {
            steps.notes.push(text!(
                "{name} is not set: {place}",
                name = name,
                place = key_place(app, name)
            ));
        }
        if let Some(model) = &arguments.model {
            steps.named = Some(steps.place(model, one)?);
        }
        Ok(steps)
    }

    /// The row of the model that is named. Where the one server that was asked gives no list, its word is taken.
    fn place(&mut self, name: &str, one: bool) -> Result<usize, Refusal> {
        match self.rows.as_slice() {
            [row] if row.state != ModelState::Absent => {
                if let Some(server) = row.server.map(|index| &self.found.servers[index])
                    && server.facts.error.is_some()
                {
                    self.notes.push(unproved(server));
                }
                return Ok(0);
            }
            [_, _, ..] => {
                let names: Vec<String> = self.rows.iter().map(|row| row.model.to_string()).collect();
                return Err(Refusal {
                    message: text!("several servers have {model}", model = name),
                    hint: Some(text!(
                        "name one with --provider and --model: {models}",
                        models = names.join(", ")
                    )),
                });
            }
            _ => {}
        }
        let server = self.found.servers.first().filter(|_| one).ok_or_else(|| {
            let known = rows(self.app, &self.found, None).0;
            unknown(name, known.iter().map(|row| row.model.to_string()))
        })?;
        let lists = server.facts.models.iter().map(|model| model.id.clone());
        if server.runs_near() && server.facts.error.is_none() {
            return Err(unknown(name, lists));
        }
        self.notes.push(match &server.facts.error {
            Some(_) => unproved(server),
            None => text!(
                "{provider} does not list {model}",
                provider = server.endpoint.provider,
                model = name
            ),
        });
        let model = ModelRef::new(&server.endpoint.provider, name).map_err(|_| unknown(name, std::iter::empty()))?;
        self.rows = vec![Row {
            near: server.runs_near(),
            state: if server.facts.error.is_some() {
                server.unanswered()
            } else {
                ModelState::Unknown
            },
            server: Some(0),
            window: None,
            role: None,
            proof: None,
            model,
        }];
        Ok(0)
    }

    async fn go(mut self) -> Exit {
        if !self.arguments.json {
            show::servers(self.app, &self.found);
        }
        self.roles();
        self.try_out().await;
        let advice = self.advice();
        if !self.arguments.json {
            show::models(self.app, &self.rows, self.left_out);
            for note in &self.notes {
                show::item(self.app.terminal, Mark::Note, note, None);
            }
            if self.named.is_none() && self.is_silent() {
                let fix = text!("or give --model too: then it is written without being asked");
                self.app.terminal.out(&format!("    → {}", self.app.terminal.say(&fix)));
            } else if self.named.is_none() {
                show::advice(self.app, &self.rows, &advice);
            }
        }
        let asks = !self.arguments.yes && !self.arguments.json && ask::somebody(self.app.terminal);
        let mut chosen = Chosen {
            primary: advice.primary.as_ref().map(|pick| pick.row),
            fallback: advice.fallback.as_ref().map(|pick| pick.row),
        };
        if asks && self.named.is_none() && chosen.primary.is_some() {
            chosen = match self.choose(&advice).await {
                Ok(chosen) => chosen,
                Err(Gone) => return Exit::Stopped,
            };
        }
        self.write(&advice, chosen, asks).await
    }

    /// Whether the one server that was to be looked at gave no list.
    fn is_silent(&self) -> bool {
        let one = self.arguments.base_url.is_some() || self.arguments.provider.is_some();
        one && self.found.servers.iter().all(|server| server.facts.error.is_some())
    }

    /// A model that is named has the role that it has in the config.
    fn roles(&mut self) {
        let Some(place) = self.named else { return };
        let policy = self.app.config().agents.defaults.model.clone().unwrap_or_default();
        let fleet = self.found.fleet();
        let row = &mut self.rows[place];
        let means =
            |name: &String| yabby_route::resolve(self.app.config(), &fleet, name).is_ok_and(|model| row.is(&model));
        let primary = policy.primary.as_ref().is_some_and(means);
        let fallback = policy.fallbacks.iter().any(means);
        row.role = match (primary, fallback) {
            (true, _) => Some(Role::Primary),
            (false, true) => Some(Role::Fallback),
            (false, false) => None,
        };
    }

    /// Real calls: to models that are loaded, to the one that is named, and with `--yes` to one that must be loaded.
    async fn try_out(&mut self) {
        if let Some(place) = self.named {
            let row = &self.rows[place];
            let server = row.server.map(|index| &self.found.servers[index]);
            let costs = server.is_none_or(Server::is_hosted);
            if row.can_be_used() && !costs && (row.state == ModelState::Ready || self.arguments.yes) {
                self.prove(place).await;
            }
            return;
        }
        let mut tried = vec![0; self.found.servers.len()];
        for place in 0..self.rows.len() {
            let row = &self.rows[place];
            if let Some(server) = row.server.filter(|_| row.may_be_tried())
                && tried[server] < TRIED
            {
                tried[server] += 1;
                self.prove(place).await;
            }
        }
        if !self.arguments.yes {
            return;
        }
        for _ in 0..LOADS {
            let Some(pick) = recommend(&self.rows).primary else {
                return;
            };
            let row = &self.rows[pick.row];
            if row.proof.is_some() || !row.near || row.role == Some(Role::Primary) {
                return;
            }
            self.prove(pick.row).await;
        }
    }

    async fn prove(&mut self, place: usize) {
        let row = &self.rows[place];
        let Some(server) = row.server.map(|index| &self.found.servers[index]) else {
            return;
        };
        let cold = row.state != ModelState::Ready;
        let proof = prove(self.app, server, &row.model, if cold { COLD } else { LOADED }).await;
        let mut window = row.window;
        if cold && proof.answers() {
            // Only now there is a window to tell of.
            let loaded = Server::ask(self.app, server.endpoint.clone(), None).await;
            window = loaded.window(row.model.model()).or(window);
        }
        let row = &mut self.rows[place];
        if proof.answers() {
            row.state = ModelState::Ready;
        }
        row.window = window;
        row.proof = Some(proof);
    }

    fn advice(&self) -> Advice {
        match self.named {
            None => recommend(&self.rows),
            Some(row) => Advice {
                primary: Some(Pick {
                    row,
                    reasons: Vec::new(),
                }),
                fallback: None,
            },
        }
    }

    /// Asks for a primary and a fallback.
    async fn choose(&mut self, advice: &Advice) -> Result<Chosen, Gone> {
        let terminal = self.app.terminal;
        terminal.out("");
        let recommended = advice.primary.as_ref().map_or(0, |pick| pick.row + 1);
        let primary = loop {
            let usable = |number: usize| number == 0 || self.rows.get(number - 1).is_some_and(Row::can_be_used);
            let question = text!("Which model first? Its number, or 0 to change nothing");
            let number = ask::number(terminal, &question, recommended, usable).await?;
            let Some(place) = number.checked_sub(1) else {
                return Ok(Chosen::default());
            };
            if self.agrees_to(place).await? {
                break place;
            }
        };
        if self.rows.iter().any(|row| row.role == Some(Role::Fallback)) {
            return Ok(Chosen {
                primary: Some(primary),
                fallback: None,
            });
        }
        let other = |number: usize| {
            number == 0 || (number != primary + 1 && self.rows.get(number - 1).is_some_and(|row| row.can_be_fallback()))
        };
        if !(1..=self.rows.len()).any(other) {
            return Ok(Chosen {
                primary: Some(primary),
                fallback: None,
            });
        }
        let recommended = fallback_for(&self.rows, primary).map_or(0, |pick| pick.row + 1);
        let question = text!("Which one when that cannot answer? Its number, or 0 for none");
        let number = ask::number(terminal, &question, recommended, other).await?;
        Ok(Chosen {
            primary: Some(primary),
            fallback: number.checked_sub(1),
        })
    }

    /// Tries the model that was chosen, where that was not done and the person wants it.
    async fn agrees_to(&mut self, place: usize) -> Result<bool, Gone> {
        let terminal = self.app.terminal;
        let row = &self.rows[place];
        let server = row.server.map(|index| &self.found.servers[index]);
        if row.proof.is_none() && server.is_some_and(|server| !server.is_hosted()) {
            let question = if row.state == ModelState::Ready {
                text!("{model} was not tried. Try it now?", model = row.model)
            } else {
                text!(
                    "{model} is not loaded. Load and try it now? It may take minutes.",
                    model = row.model
                )
            };
            if ask::yes(terminal, &question, true).await? {
                self.prove(place).await;
                show::models(self.app, std::slice::from_ref(&self.rows[place]), 0);
                terminal.out("");
            }
        }
        let failed = self.rows[place].proof.as_ref().is_some_and(|proof| !proof.answers());
        if failed {
            return ask::yes(terminal, &text!("It gave no answer. Use it all the same?"), false).await;
        }
        Ok(true)
    }

    /// Shows what changes, writes it where that is agreed, and says how to go on.
    async fn write(self, advice: &Advice, chosen: Chosen, asks: bool) -> Exit {
        let app = self.app;
        let change = change::edit(app, &self.found, &self.rows, chosen);
        let text = match self
            .file
            .edited(&change)
            .map_err(|message| Refusal { message, hint: None })
        {
            Ok(text) => text,
            Err(refusal) => return refuse(app, &refusal),
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
            agreed = match ask::yes(app.terminal, &text!("Write this?"), true).await {
                Ok(agreed) => agreed,
                Err(Gone) => return Exit::Stopped,
            };
        }
        let saved = if nothing || !agreed {
            None
        } else {
            match self.file.save(&text).map_err(|message| Refusal { message, hint: None }) {
                Ok(saved) => Some(saved),
                Err(refusal) => return refuse(app, &refusal),
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
        let unproved = chosen
            .primary
            .is_some_and(|place| !self.rows[place].can_be_used() && self.named == Some(place));
        let next = if unproved {
            text!("When it runs, `yabby doctor` says whether all is well.")
        } else {
            text!("Try it: yabby ask \"What can you do?\"")
        };
        terminal.out(&terminal.say(&next));
    }
}

/// What the command line may not say.
fn check(arguments: &Setup) -> Result<(), Refusal> {
    if arguments.key_env.as_deref().is_some_and(|name| !is_variable_name(name)) {
        // It may be a key, so it is not repeated.
        return Err(Refusal {
            message: text!("--key-env takes the name of a variable in capitals, not the key itself"),
            hint: Some(text!(
                "write NAME=… into the .env file beside the config, and --key-env NAME here"
            )),
        });
    }
    if arguments
        .provider
        .as_deref()
        .is_some_and(|id| id.is_empty() || id.contains('/'))
    {
        return Err(Refusal {
            message: text!("a provider id is not empty and holds no slash"),
            hint: Some(text!("models are named provider/model, split at the first slash")),
        });
    }
    if arguments.provider.is_none() && arguments.base_url.is_none() {
        let needs = [
            ("--key-env", arguments.key_env.is_some()),
            ("--api", arguments.api.is_some()),
        ];
        if let Some((option, _)) = needs.into_iter().find(|(_, given)| *given) {
            return Err(Refusal {
                message: text!("{option} belongs to one server", option = option),
                hint: Some(text!("say which, with --provider or --base-url")),
            });
        }
    }
    Ok(())
}

fn unproved(server: &Server) -> Text {
    text!(
        "{provider} cannot be asked now, so nothing of it is proved",
        provider = server.endpoint.provider
    )
}

fn unknown(name: &str, has: impl Iterator<Item = String>) -> Refusal {
    let has: Vec<String> = has.take(8).collect();
    Refusal {
        message: text!("there is no model {model}", model = name),
        hint: Some(if has.is_empty() {
            text!("`yabby setup` without --model shows what there is")
        } else {
            text!("there is: {models}", models = has.join(", "))
        }),
    }
}
