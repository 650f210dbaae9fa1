//! Obeying commands.

use yabby_core::{Text, text};
use yabby_store::{Approval, Item, StoreError};

use super::{ending::Ending, lines, moment, scene::Scene};
use crate::{Command, QueueMode, State};

/// What follows a command.
pub(super) enum Obeyed {
    /// The person is told something.
    Told(Ending),
    /// This message begins the new session.
    Message(String),
    /// The turns of these questions go on: the owner has answered them.
    GoOn(Vec<Approval>),
    /// The conversation is made smaller, with this in view.
    Compact(String),
}

impl Scene<'_> {
    /// Obeys a command that came in by itself.
    pub(super) async fn obey(&mut self, command: &Command) -> Result<Obeyed, StoreError> {
        if !self.owners && !command.is_for_all() {
            return Ok(Obeyed::Told(Ending::notice(command.refused())));
        }
        Ok(Obeyed::Told(match command {
            Command::New(first) => {
                self.begin_anew("new").await?;
                if !first.is_empty() {
                    return Ok(Obeyed::Message(first.clone()));
                }
                Ending::notice(text!("a new conversation"))
            }
            Command::Approve(which) => return self.answered_by(which, true).await,
            Command::Deny(which) => return self.answered_by(which, false).await,
            Command::Compact(focus) => return Ok(Obeyed::Compact(focus.clone())),
            Command::Stop => Ending::notice(self.nothing_runs().await?),
            Command::Private(Some(false)) if self.state.private => {
                // What was said in private goes no further.
                self.begin_anew("private").await?;
                self.obey_now(command).await?;
                Ending::notice(text!(
                    "no longer private; what was said is forgotten here, so that it goes no further"
                ))
            }
            other => Ending::notice(self.obey_now(other).await?),
        }))
    }

    /// A new session.
    async fn begin_anew(&mut self, why: &str) -> Result<(), StoreError> {
        let id = format!("{}-n", self.reply);
        self.session = self
            .store
            .begin_session(&self.lease, Some(&self.origin), why, (&id, moment()))
            .await?;
        self.settle_questions().await
    }

    /// Obeys a command that changes nothing of what runs; what the person is told.
    pub(super) async fn obey_now(&self, command: &Command) -> Result<Text, StoreError> {
        let mut state = self.state_now().await?;
        let before = state.clone();
        let told = match command {
            Command::Model(None) => self.which_model(&state),
            Command::Model(Some(name)) if name == "default" => {
                state.model = None;
                text!("the model of the config answers from now on")
            }
            Command::Model(Some(name)) => match self.assistant.home.model(name) {
                Some(model) => {
                    state.model = Some(model.clone());
                    text!(
                        "{model} answers from now on, and no other; /model default goes back",
                        model = model
                    )
                }
                None => text!("no model is named {name}; /models lists them", name = name),
            },
            Command::Models => listed(&self.assistant.home.models()),
            Command::Think(None) => text!("thinking: {level}", level = state.think.as_deref().unwrap_or("default")),
            Command::Think(Some(level)) => {
                state.think = (level != "default").then(|| level.clone());
                text!("thinking: {level}", level = level)
            }
            Command::Reasoning(Some(on)) => {
                state.reasoning = *on;
                switched(
                    state.reasoning,
                    text!("the reasoning is shown"),
                    text!("the reasoning is not shown"),
                )
            }
            Command::Reasoning(None) => switched(
                state.reasoning,
                text!("the reasoning is shown"),
                text!("the reasoning is not shown"),
            ),
            Command::Private(on) => {
                state.private = on.unwrap_or(state.private);
                switched(
                    state.private,
                    text!("private: only models on this machine and in this network are asked"),
                    text!("not private: models are asked as the config says"),
                )
            }
            Command::Queue(mode) => {
                state.queue = mode.or(state.queue);
                let mode = state.queue.unwrap_or(self.rules.queue);
                queued(mode)
            }
            Command::Usage(Some(on)) => {
                state.usage = *on;
                switched(
                    state.usage,
                    text!("tokens and cost are told behind each answer"),
                    text!("tokens and cost are not told behind answers"),
                )
            }
            Command::Usage(None) => self.used().await?,
            Command::Status => self.status(&state).await?,
            Command::Context => self.shown_now().await?,
            Command::Tools => self.tools_now(),
            Command::Unclear(name, words) => text!("{command} takes: {words}", command = name, words = words),
            Command::Help => help(),
            Command::New(_) | Command::Stop | Command::Compact(_) | Command::Approve(_) | Command::Deny(_) => {
                text!("say that again when I have come to an end")
            }
        };
        if state != before {
            let value = serde_json::to_value(&state).unwrap_or_default();
            self.store.set_state(&self.lease, value).await?;
        }
        Ok(told)
    }

    async fn state_now(&self) -> Result<State, StoreError> {
        let known = self.store.conversation(&self.conversation).await?;
        Ok(known.map_or_else(State::default, |known| State::of(&known.state)))
    }

    /// Nothing can be stopped; what waits is told, as it may be meant.
    async fn nothing_runs(&self) -> Result<Text, StoreError> {
        Ok(match self.questions().await?.len() {
            0 => text!("nothing is running"),
            count => text!(
                "nothing is running; {count} questions wait for you, and /deny all says no to them",
                count = count
            ),
        })
    }

    fn which_model(&self, state: &State) -> Text {
        match (&state.model, &self.served) {
            (Some(model), _) => text!(
                "{model}, because you have said so; /model default goes back",
                model = model
            ),
            (None, Some(served)) => text!(
                "{model}, as the config says; /models lists others",
                model = served.model
            ),
            (None, None) => text!("no model can be asked now; /models lists them"),
        }
    }

    async fn status(&self, state: &State) -> Result<Text, StoreError> {
        let items = self.store.context(&self.session.id).await?;
        let mut told = vec![self.which_model(state)];
        if let Some(window) = self.served.as_ref().and_then(|served| served.window) {
            let request = super::call::request(&items, true);
            let count = self.assistant.model.count(&self.wish, &request).await;
            told.push(text!(
                "conversation: about {tokens} of {window} tokens",
                tokens = count.tokens,
                window = window
            ));
        }
        if let Some((read, cached)) = last_read(&items) {
            told.push(text!(
                "last request: {read} tokens read, {percent} % of them from the server's cache",
                read = read,
                percent = u64::from(cached) * 100 / u64::from(read.max(1))
            ));
        }
        told.extend(self.assistant.reuse.last_of(&self.session.id).map(|lost| lost.text()));
        told.push(queued(state.queue.unwrap_or(self.rules.queue)));
        told.push(switched(
            state.private,
            text!("private: only models on this machine and in this network are asked"),
            text!("not private: models are asked as the config says"),
        ));
        let waiting = self.questions().await?.len();
        if waiting > 0 {
            told.push(text!(
                "{count} questions wait for you; /approve or /deny answers",
                count = waiting
            ));
        }
        Ok(lines(told))
    }

    async fn used(&self) -> Result<Text, StoreError> {
        let items = self.store.items(&self.session.id, 0, 100_000).await?;
        let kept = items.iter().flat_map(|item| &item.item.attempts);
        let attempts = kept.filter(|attempt| attempt.was_asked());
        let (mut read, mut cached, mut written, mut usd, mut count) = (0_u64, 0_u64, 0_u64, 0.0, 0_usize);
        for attempt in attempts {
            count += 1;
            read += u64::from(attempt.usage.input_tokens.unwrap_or(0));
            cached += u64::from(attempt.usage.cached_tokens.unwrap_or(0));
            written += u64::from(attempt.usage.output_tokens.unwrap_or(0));
            usd += attempt.cost.unwrap_or(0.0);
        }
        Ok(text!(
            "this session: {count} requests, {read} tokens read ({cached} from caches), {written} written, {usd} US dollars",
            count = count,
            read = read,
            cached = cached,
            written = written,
            usd = format!("{usd:.4}")
        ))
    }

    async fn shown_now(&self) -> Result<Text, StoreError> {
        let items = self.store.context(&self.session.id).await?;
        let request = super::call::request(&items, true);
        let count = self.assistant.model.count(&self.wish, &request).await;
        let system = request.system.as_deref().unwrap_or_default().chars().count();
        Ok(text!(
            "a model is shown {messages} messages and {tools} tools, about {tokens} tokens; {system} characters of them are instructions. `yabby prompt` shows all of it",
            messages = request.messages.len(),
            tools = request.tools.len(),
            tokens = count.tokens,
            system = system
        ))
    }

    fn tools_now(&self) -> Text {
        let names: Vec<&str> = self
            .registry
            .iter()
            .map(|tool| tool.manifest().tool.name.as_str())
            .collect();
        if names.is_empty() {
            text!("this agent has no tools")
        } else {
            text!("tools: {names}", names = names.join(", "))
        }
    }
}

/// What the last request has read, and how much of it came from a cache, where the server has said so.
fn last_read(items: &[Item]) -> Option<(u32, u32)> {
    items
        .iter()
        .rev()
        .flat_map(|item| item.item.attempts.iter().rev())
        .find_map(|attempt| Some((attempt.usage.input_tokens?, attempt.usage.cached_tokens?)))
}

fn queued(mode: QueueMode) -> Text {
    match mode {
        QueueMode::Steer => text!("while I work, your messages go into what I am doing (queue: steer)"),
        QueueMode::Followup => text!("while I work, your messages wait, and are answered one by one (queue: followup)"),
        QueueMode::Collect => text!("while I work, your messages wait, and are answered together (queue: collect)"),
        QueueMode::Interrupt => text!("while I work, a message of yours ends it (queue: interrupt)"),
    }
}

fn switched(on: bool, yes: Text, no: Text) -> Text {
    if on { yes } else { no }
}

fn listed(models: &[String]) -> Text {
    if models.is_empty() {
        text!("no model is configured and no running model server was found")
    } else {
        text!("models: {names}; /model NAME chooses one", names = models.join(", "))
    }
}

fn help() -> Text {
    lines([
        text!("/new starts afresh, /stop stops what runs"),
        text!("/status, /context, /usage, /tools and /models tell"),
        text!("/model NAME, /think LEVEL, /reasoning on|off, /private on|off and /queue MODE set"),
        text!("/compact makes the conversation smaller"),
        text!("/approve ID and /deny ID answer questions"),
    ])
}
