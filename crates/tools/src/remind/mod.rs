//! Reminders: something that the agent is told later, once or again and again.

mod cron;
#[cfg(test)]
mod tests;
mod timers;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use yabby_core::{Integrity, Time, Tool as Told, text};

pub use cron::{NotCron, Repeat};
pub use timers::{Reminder, Timers};

use crate::{
    At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind,
    when::{Zone, at, later, span},
};

/// What may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemindSettings {
    /// So many reminders a conversation has at the most.
    pub most: usize,
    /// The shortest time between two firings of a repeated one: each is a turn of the model.
    pub shortest: Duration,
    /// So many characters one has at the most.
    pub most_chars: usize,
}

impl Default for RemindSettings {
    fn default() -> Self {
        Self {
            most: 50,
            shortest: Duration::from_mins(5),
            most_chars: 2000,
        }
    }
}

/// The tool `remind`.
pub struct Remind {
    manifest: Manifest,
    timers: Arc<dyn Timers>,
    zone: Zone,
    settings: RemindSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    action: Action,
    text: Option<String>,
    at: Option<String>,
    #[serde(rename = "in")]
    within: Option<String>,
    cron: Option<String>,
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Set,
    List,
    Cancel,
}

impl Remind {
    /// The tool for a person whose clock is that of `zone`.
    pub fn new(timers: Arc<dyn Timers>, zone: Zone, settings: RemindSettings) -> Self {
        Self {
            manifest: manifest(),
            timers,
            zone,
            settings,
        }
    }

    async fn set(&self, arguments: &Arguments, at: &At) -> Result<Output, ToolError> {
        let text = arguments.text.as_deref().map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(invalid("say in `text` what to remind of"));
        }
        if text.chars().count() > self.settings.most_chars {
            let most = self.settings.most_chars;
            return Err(ToolError::new(
                ToolErrorKind::TooLarge,
                format!("the text is too long: at most {most} characters"),
            ));
        }
        let (due, repeat) = self.due(arguments, at)?;
        if let Some(repeat) = &repeat {
            self.check_repeat(repeat, at)?;
        }
        let cron = repeat.is_some().then(|| arguments.cron.clone()).flatten();
        let reminder = Reminder {
            id: id(at),
            conversation: at.conversation.clone(),
            text: text.to_owned(),
            due,
            cron: cron.map(|cron| cron.trim().to_owned()),
            label: at.label.clone(),
        };
        let others = self.timers.list(&at.conversation).await?;
        let others = others.iter().filter(|other| other.id != reminder.id).count();
        if others >= self.settings.most {
            return Err(ToolError::new(
                ToolErrorKind::Denied,
                format!("there are {others} reminders already; cancel some first (action=list shows them)"),
            ));
        }
        self.timers.set(reminder.clone()).await?;
        let (moment, wait) = (self.zone.moment(due), span(due.since(at.now)));
        let when = match &reminder.cron {
            None => format!("{moment}, in {wait}"),
            Some(cron) => format!("at `{cron}`, next {moment}, in {wait}"),
        };
        Ok(Output::text(format!("Set, id {}: {when} (local time).", reminder.id))
            .with_summary(text!("reminder for {moment}", moment = moment)))
    }

    /// When it is due first, and how it comes again.
    fn due(&self, arguments: &Arguments, at_: &At) -> Result<(Time, Option<Repeat>), ToolError> {
        let now = || format!("It is {} now (local time)", self.zone.moment(at_.now));
        let given = |text: &Option<String>| {
            text.as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let (at, within, cron) = (given(&arguments.at), given(&arguments.within), given(&arguments.cron));
        let due = match (&at, &within, &cron) {
            (Some(text), None, None) => self::at(text, &self.zone, at_.now)
                .map_err(|_| invalid(format!("`at` is not a time such as 2026-11-27T09:00. {}", now())))?,
            (None, Some(text), None) => later(text, &self.zone, at_.now)
                .map_err(|_| invalid(format!("`in` is not a span such as 20m, 2h or 3d. {}", now())))?,
            (None, None, Some(text)) => {
                let repeat =
                    Repeat::read(text).map_err(|error| invalid(format!("`cron`: {error}, such as 0 9 * * 1")))?;
                let due = repeat.next(&self.zone, at_.now);
                let due = due.ok_or_else(|| invalid("`cron`: there is no such day, ever"))?;
                return Ok((due, Some(repeat)));
            }
            _ => return Err(invalid(format!("give one of `at`, `in` and `cron`. {}", now()))),
        };
        if due <= at_.now {
            return Err(invalid(format!(
                "{} is past. {}; give a later time",
                self.zone.moment(due),
                now()
            )));
        }
        Ok((due, None))
    }

    fn check_repeat(&self, repeat: &Repeat, at: &At) -> Result<(), ToolError> {
        // What strangers wrote must not come again by itself for ever.
        if at.label.integrity < Integrity::Config {
            return Err(ToolError::new(
                ToolErrorKind::Denied,
                "a repeated reminder cannot be set after reading what others wrote; ask the person to set it in a new \
                 conversation (/new), or set it once with `at`",
            ));
        }
        let shortest = repeat.shortest(&self.zone, at.now);
        if shortest.is_some_and(|shortest| shortest < self.settings.shortest) {
            return Err(invalid(format!(
                "`cron` fires too often: at most once in {}",
                span(self.settings.shortest)
            )));
        }
        Ok(())
    }

    async fn list(&self, at: &At) -> Result<Output, ToolError> {
        let reminders = self.timers.list(&at.conversation).await?;
        if reminders.is_empty() {
            return Ok(Output::text("There are no reminders in this conversation."));
        }
        let mut label = at.label.clone();
        let mut told = Vec::new();
        for reminder in &reminders {
            label = label.join(&reminder.label);
            let again = reminder.cron.as_ref().map(|cron| format!(", again at `{cron}`"));
            told.push(format!(
                "{}: {}{}: {}",
                reminder.id,
                self.zone.moment(reminder.due),
                again.unwrap_or_default(),
                // A reminder of many lines is still one of a list.
                reminder.text.replace('\n', "\n  "),
            ));
        }
        Ok(Output {
            label: Some(label),
            ..Output::text(told.join("\n"))
        })
    }

    async fn cancel(&self, arguments: &Arguments, at: &At) -> Result<Output, ToolError> {
        let id = arguments.id.as_deref().map(str::trim).unwrap_or_default();
        let missing = || {
            ToolError::new(
                ToolErrorKind::NotFound,
                "there is no such reminder here; action=list shows their ids",
            )
        };
        if id.is_empty() {
            return Err(invalid("give the `id` of the reminder; action=list shows them"));
        }
        let reminders = self.timers.list(&at.conversation).await?;
        let reminder = reminders.iter().find(|reminder| reminder.id.eq_ignore_ascii_case(id));
        let reminder = reminder.ok_or_else(missing)?;
        self.timers.cancel(&at.conversation, &reminder.id).await?;
        let moment = self.zone.moment(reminder.due);
        Ok(Output {
            label: Some(at.label.join(&reminder.label)),
            ..Output::text(format!("Cancelled: {moment}: {}", reminder.text))
        }
        .with_summary(text!("reminder for {moment} cancelled", moment = moment)))
    }
}

impl Tool for Remind {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn effect(&self, arguments: &Map<String, Value>) -> Effect {
        match arguments.get("action").and_then(Value::as_str) {
            Some("list") => Effect::Read,
            _ => Effect::Write,
        }
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move {
            let arguments = Arguments::deserialize(Value::Object(arguments.clone()))
                .map_err(|error| invalid(format!("the arguments do not fit: {error}")))?;
            match arguments.action {
                Action::Set => self.set(&arguments, at).await,
                Action::List => self.list(at).await,
                Action::Cancel => self.cancel(&arguments, at).await,
            }
        })
    }
}

fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::new(ToolErrorKind::Invalid, message)
}

/// The id of the reminder that a call sets, the same however often the call is tried. It is short, because a model has to
/// copy it.
fn id(at: &At) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut hash = Sha256::new();
    for part in [at.conversation.as_str(), &at.turn, &at.call] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte % 32)]);
    std::iter::once('r')
        .chain(hash.finalize().iter().take(8).map(letter))
        .collect()
}

fn manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: "remind".to_owned(),
            description: "Be told something later in this conversation: text and one of at, in, cron. Also lists, and \
                          cancels by id."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "action": {"type": "string", "enum": ["set", "list", "cancel"]},
                    "text": {"type": "string"},
                    "at": {"type": "string", "description": "2026-11-27T09:00"},
                    "in": {"type": "string", "description": "20m, 3d"},
                    "cron": {"type": "string"},
                    "id": {"type": "string"},
                },
            }),
        },
        effect: Effect::Write,
        sinks: vec!["id".to_owned()],
        // What it says of reminders that are set already carries their labels.
        returns: Returns::Own,
        repeatable: true,
        group: Group::Automation,
        core: true,
    }
}
