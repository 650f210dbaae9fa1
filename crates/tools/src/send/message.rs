//! The tool `send_message`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use yabby_core::{Label, Tool as Told, text};

use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind};

/// So many characters a message has at the most.
const MOST_CHARS: usize = 16_000;

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The one place that is meant, in the words of whoever resolved it.
    pub address: String,
    /// For people and the model: `Ann (WhatsApp)`.
    pub shown: String,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingMessage {
    /// Who gets it.
    pub to: Recipient,
    /// What it says.
    pub text: String,
    /// Stands for this one message: with the same key it goes out once.
    pub key: String,
    /// What it was made from.
    pub label: Label,
}

/// A way to send messages. The binary implements it over the outbox of the store.
pub trait Outgoing: Send + Sync {
    /// Who is meant: a name in the address book, an address such as `whatsapp:+886912345678`, or this conversation when
    /// nobody is named. Never a guess: a name that several have is an error that lists them.
    fn resolve<'a>(&'a self, to: Option<&'a str>, at: &'a At) -> BoxFuture<'a, Result<Recipient, ToolError>>;

    /// Takes a message durably, to be delivered in its time.
    fn take<'a>(&'a self, message: OutgoingMessage, at: &'a At) -> BoxFuture<'a, Result<(), ToolError>>;
}

/// The tool `send_message`.
pub struct SendMessage {
    manifest: Manifest,
    outgoing: Arc<dyn Outgoing>,
}

#[derive(Debug, Deserialize)]
struct Arguments {
    #[serde(default)]
    to: Option<String>,
    text: String,
}

impl SendMessage {
    /// The tool over a way to send.
    pub fn new(outgoing: Arc<dyn Outgoing>) -> Self {
        Self {
            manifest: manifest(),
            outgoing,
        }
    }

    async fn send(&self, arguments: Arguments, at: &At) -> Result<Output, ToolError> {
        let text = arguments.text.trim();
        if text.is_empty() {
            return Err(ToolError::new(ToolErrorKind::Invalid, "say something in `text`"));
        }
        let chars = text.chars().count();
        if chars > MOST_CHARS {
            return Err(ToolError::new(
                ToolErrorKind::TooLarge,
                format!("the message has {chars} characters; send at most {MOST_CHARS} at once"),
            ));
        }
        let to = arguments.to.as_deref().map(str::trim).filter(|to| !to.is_empty());
        let to = self.outgoing.resolve(to, at).await?;
        let shown = to.shown.clone();
        let message = OutgoingMessage {
            to,
            text: text.to_owned(),
            key: format!("{}/{}", at.turn, at.call),
            label: at.label.clone(),
        };
        self.outgoing.take(message, at).await?;
        Ok(Output::text(format!("On its way to {shown}.")).with_summary(text!("message to {name}", name = shown)))
    }
}

impl Tool for SendMessage {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[("message", "text"), ("target", "to"), ("recipient", "to")]
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move {
            let arguments = Arguments::deserialize(Value::Object(arguments.clone())).map_err(|error| {
                ToolError::new(ToolErrorKind::Invalid, format!("the arguments do not fit: {error}"))
            })?;
            self.send(arguments, at).await
        })
    }
}

fn manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: "send_message".to_owned(),
            description:
                "Send a message now, before your answer, or to somebody else. Your answer itself is delivered \
                          without it. Without `to`, it goes to this conversation."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "to": {"type": "string", "description": "a name or channel:address"},
                    "text": {"type": "string"},
                },
                "required": ["text"],
            }),
        },
        effect: Effect::Send,
        sinks: vec!["to".to_owned()],
        returns: Returns::Own,
        // The key of a message lets it out once.
        repeatable: true,
        group: Group::Messaging,
        core: false,
    }
}
