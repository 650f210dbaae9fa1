//! What a person can type instead of a message, on every surface.

use yabby_core::{Text, Thinking, text};

use crate::{Body, Kind, QueueMode};

/// A command, with OpenClaw's words where it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `/new`, `/reset`: a new session; what stands behind it is its first message.
    New(String),
    /// `/stop`: what runs is stopped.
    Stop,
    /// `/status`
    Status,
    /// `/model`: which one, or another one; `default` is that of the config.
    Model(Option<String>),
    /// `/models`: which ones there are.
    Models,
    /// `/think`: how much a model thinks.
    Think(Option<String>),
    /// `/reasoning on|off`: whether it is shown.
    Reasoning(Option<bool>),
    /// `/compact`, with what matters.
    Compact(String),
    /// `/context`: what a model is shown.
    Context,
    /// `/private on|off`: whether it stays here.
    Private(Option<bool>),
    /// `/queue`: what becomes of messages that come in while a turn runs.
    Queue(Option<QueueMode>),
    /// `/tools`: what the agent can do.
    Tools,
    /// `/usage on|off`: what this session has used; with a word, whether that is told behind each answer.
    Usage(Option<bool>),
    /// `/approve`, with the id of a question, its beginning, or `all`.
    Approve(String),
    /// `/deny`, the same.
    Deny(String),
    /// `/help`
    Help,
    /// A command with a word that it does not know: its name, and what it knows.
    Unclear(&'static str, &'static str),
}

/// What `/think` knows, beside the names of [`Thinking`].
const DEFAULT: &str = "default";
/// All of it, for who has said something else.
const THINK: &str = "off, minimal, low, medium, high, xhigh, max, adaptive, default";

impl Command {
    /// The command that a message is; `None` when it is a message. A word that no command has is a message too: it may be a
    /// path.
    pub fn of(body: &Body) -> Option<Self> {
        if !matches!(body.kind, Kind::Message | Kind::Setting) || !body.images.is_empty() {
            return None;
        }
        let text = body.text.trim();
        let rest = text.strip_prefix('/')?;
        let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim();
        // OpenClaw takes `/think:high` and `/status@bot` too.
        let (name, rest) = match name.split_once(':') {
            Some((name, behind)) if rest.is_empty() => (name, behind),
            _ => (name, rest),
        };
        let name = name.split('@').next().unwrap_or_default().to_ascii_lowercase();
        let word = (!rest.is_empty()).then(|| rest.to_owned());
        let switch = |name: &'static str, make: fn(Option<bool>) -> Self| match rest.to_ascii_lowercase().as_str() {
            "" => make(None),
            "on" | "yes" | "full" | "tokens" | "stream" => make(Some(true)),
            "off" | "no" => make(Some(false)),
            _ => Self::Unclear(name, "on, off"),
        };
        Some(match name.as_str() {
            "new" | "reset" => Self::New(rest.to_owned()),
            "stop" | "abort" => Self::Stop,
            "status" => Self::Status,
            "model" => Self::Model(word),
            "models" => Self::Models,
            "think" | "thinking" | "t" => match word.map(|word| word.to_ascii_lowercase()) {
                Some(word) if word != DEFAULT && Thinking::of(&word).is_none() => Self::Unclear("/think", THINK),
                word => Self::Think(word),
            },
            "reasoning" | "reason" => switch("/reasoning", Self::Reasoning),
            "compact" => Self::Compact(rest.to_owned()),
            "context" => Self::Context,
            "private" => switch("/private", Self::Private),
            "queue" => match word.as_deref().map(QueueMode::of) {
                Some(None) => Self::Unclear("/queue", "steer, followup, collect, interrupt"),
                mode => Self::Queue(mode.flatten()),
            },
            "tools" => Self::Tools,
            "usage" => switch("/usage", Self::Usage),
            "approve" => Self::Approve(rest.to_owned()),
            "deny" => Self::Deny(rest.to_owned()),
            "help" | "commands" => Self::Help,
            _ => return None,
        })
    }

    /// Whether it is obeyed while a turn runs. The others wait for its end, in the order in which they came.
    pub fn is_for_now(&self) -> bool {
        !matches!(
            self,
            Self::New(_) | Self::Compact(_) | Self::Approve(_) | Self::Deny(_) | Self::Context | Self::Private(Some(_))
        )
    }

    /// Whether it is obeyed for anybody. The others are the owner's.
    pub fn is_for_all(&self) -> bool {
        matches!(self, Self::Help | Self::Status)
    }

    /// What somebody else is told.
    pub fn refused(&self) -> Text {
        match self {
            Self::Approve(_) | Self::Deny(_) => text!("only the owner can answer that"),
            _ => text!("only the owner can say that; /help and /status are for everybody"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_messages() {
        let of = |text: &str| Command::of(&Body::text(text));
        let word = |word: &str| word.to_owned();
        let cases = [
            ("/new", Some(Command::New(String::new()))),
            ("/reset  Hello there\nyou", Some(Command::New(word("Hello there\nyou")))),
            (" /STOP ", Some(Command::Stop)),
            ("/status@yabby_bot", Some(Command::Status)),
            ("/model", Some(Command::Model(None))),
            (
                "/model lmstudio/qwen3",
                Some(Command::Model(Some(word("lmstudio/qwen3")))),
            ),
            ("/think:high", Some(Command::Think(Some(word("high"))))),
            (
                "/think harder",
                Some(Command::Unclear(
                    "/think",
                    "off, minimal, low, medium, high, xhigh, max, adaptive, default",
                )),
            ),
            ("/reasoning on", Some(Command::Reasoning(Some(true)))),
            ("/private", Some(Command::Private(None))),
            ("/queue collect", Some(Command::Queue(Some(QueueMode::Collect)))),
            (
                "/queue what",
                Some(Command::Unclear("/queue", "steer, followup, collect, interrupt")),
            ),
            ("/approve k3v9", Some(Command::Approve(word("k3v9")))),
            ("/etc/passwd is what?", None),
            ("/unknown", None),
            ("say /stop", None),
            ("stop", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text), expected, "{text}");
        }
        let reminder = Body {
            kind: Kind::Reminder,
            ..Body::text("/stop")
        };
        assert_eq!(Command::of(&reminder), None);
    }
}
