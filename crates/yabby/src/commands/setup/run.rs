//! The steps of `yabby setup`, one after the other.

use yabby_core::{Text, text};
use yabby_servers::ModelState;

use super::{
    address::{self, Refusal},
    change::Chosen,
    named::check,
    proof::{COLD, LOADED, prove},
    recommend::{Advice, Pick, fallback_for, recommend},
    row::{Role, Row, rows, unseen},
    server::{Found, Server, everywhere, key_place},
    show,
};
use crate::{
    app::App,
    arguments::Setup,
    config_file::ConfigFile,
    exit::Exit,
    person::{self, Gone},
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

/// What is known so far.
pub(super) struct Steps<'a> {
    pub(super) app: &'a App,
    pub(super) arguments: &'a Setup,
    pub(super) file: ConfigFile,
    pub(super) found: Found,
    pub(super) rows: Vec<Row>,
    /// Models that are not in the rows, because there are too many.
    left_out: usize,
    /// The model that the command line names.
    pub(super) named: Option<usize>,
    /// What is written although something is not as it should be.
    pub(super) notes: Vec<Text>,
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
        let (mut rows, left_out) = rows(app, &found, arguments.model.as_deref());
        if !one && arguments.model.is_none() {
            rows.extend(unseen(app, &found, &rows));
        }
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
            && !server.endpoint.has_key()
            && server.error().is_none()
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

    async fn go(mut self) -> Exit {
        if !self.arguments.json {
            show::servers(self.app, &self.found);
        }
        self.try_out().await;
        let advice = self.advice();
        if !self.arguments.json {
            show::models(self.app, &self.rows, 1, self.left_out);
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
        let asks = !self.arguments.yes && !self.arguments.json && person::somebody(self.app.terminal);
        let mut chosen = Chosen {
            primary: advice.primary.as_ref().map(|pick| pick.row),
            fallback: advice.fallback.as_ref().map(|pick| pick.row),
        };
        if asks && self.named.is_none() && self.rows.iter().any(Row::can_be_used) {
            chosen = match self.choose(&advice).await {
                Ok(chosen) => chosen,
                Err(Gone) => return Exit::Stopped,
            };
            if chosen.primary.is_none() {
                show::item(self.app.terminal, Mark::Note, &text!("Nothing is written."), None);
                return Exit::Answered;
            }
        }
        self.write(&advice, chosen, asks).await
    }

    /// Whether one server is looked at and no other.
    fn is_one(&self) -> bool {
        self.arguments.base_url.is_some() || self.arguments.provider.is_some()
    }

    /// Whether the one server that was to be looked at gave no list.
    pub(super) fn is_silent(&self) -> bool {
        self.is_one() && self.found.servers.iter().all(|server| server.error().is_some())
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
            // Whoever names a server gets exactly that one.
            None if self.is_one() => Advice {
                fallback: None,
                ..recommend(&self.rows)
            },
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
            let number = person::number(terminal, &question, recommended, usable).await?;
            let Some(place) = number.checked_sub(1) else {
                return Ok(Chosen::default());
            };
            if self.agrees_to(place).await? {
                break place;
            }
        };
        if self.is_one() || self.rows.iter().any(|row| row.role == Some(Role::Fallback)) {
            return Ok(Chosen {
                primary: Some(primary),
                fallback: None,
            });
        }
        let other = |number: usize| {
            number == 0 || (number != primary + 1 && self.rows.get(number - 1).is_some_and(Row::can_be_fallback))
        };
        if !(1..=self.rows.len()).any(other) {
            return Ok(Chosen {
                primary: Some(primary),
                fallback: None,
            });
        }
        let recommended = fallback_for(&self.rows, primary).map_or(0, |pick| pick.row + 1);
        let question = text!("Which one when that cannot answer? Its number, or 0 for none");
        let number = person::number(terminal, &question, recommended, other).await?;
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
            if person::yes(terminal, &question, true).await? {
                self.prove(place).await;
                show::models(self.app, std::slice::from_ref(&self.rows[place]), place + 1, 0);
                terminal.out("");
            }
        }
        let failed = self.rows[place].proof.as_ref().is_some_and(|proof| !proof.answers());
        if failed {
            return person::yes(terminal, &text!("It gave no answer. Use it all the same?"), false).await;
        }
        Ok(true)
    }
}
