//! Messages as a model sends them.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Outgoing, OutgoingMessage, Recipient, SendMessage, SessionStatus, Status};
use crate::{
    At, Tool, ToolError, ToolErrorKind,
    testing::{at, tokens},
};

#[derive(Default)]
struct Outbox(Mutex<Vec<OutgoingMessage>>);

impl Outgoing for Outbox {
    fn resolve<'a>(&'a self, to: Option<&'a str>, at: &'a At) -> BoxFuture<'a, Result<Recipient, ToolError>> {
        let recipient = |address: &str, shown: &str| Recipient {
            address: address.to_owned(),
            shown: shown.to_owned(),
        };
        let resolved = match to {
            None => Ok(recipient(at.conversation.as_str(), "this conversation")),
            Some("Ann") => Ok(recipient("whatsapp:1", "Ann (WhatsApp)")),
            Some(_) => Err(ToolError::new(ToolErrorKind::NotFound, "nobody has that name")),
        };
        Box::pin(async { resolved })
    }

    fn take<'a>(&'a self, message: OutgoingMessage, _: &'a At) -> BoxFuture<'a, Result<(), ToolError>> {
        let mut taken = self.0.lock().unwrap();
        if taken.iter().all(|other| other.key != message.key) {
            taken.push(message);
        }
        Box::pin(async { Ok(()) })
    }
}

impl Status for Outbox {
    fn status<'a>(&'a self, at: &'a At) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async { Ok(format!("agent: {}", at.agent)) })
    }
}

async fn says(tool: &SendMessage, arguments: Value) -> String {
    match tool.run(arguments.as_object().unwrap(), &at()).await {
        Ok(output) => output.text,
        Err(error) => format!("{:?}: {}", error.kind, error.message),
    }
}

#[tokio::test]
async fn a_message_goes_out_once_to_whom_it_was_resolved() {
    let outbox = Arc::new(Outbox::default());
    let tool = SendMessage::new(Arc::<Outbox>::clone(&outbox));
    let call = json!({"to": " Ann ", "text": "I am late\n"});
    assert_eq!(says(&tool, call.clone()).await, "On its way to Ann (WhatsApp).");
    assert_eq!(says(&tool, call).await, "On its way to Ann (WhatsApp).");
    let expected = OutgoingMessage {
        to: Recipient {
            address: "whatsapp:1".to_owned(),
            shown: "Ann (WhatsApp)".to_owned(),
        },
        text: "I am late".to_owned(),
        key: "turn/call".to_owned(),
        label: at().label,
    };
    assert_eq!(*outbox.0.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn what_a_model_is_told() {
    let tool = SendMessage::new(Arc::new(Outbox::default()));
    let mut told = Vec::new();
    for call in [
        json!({"text": "hello"}),
        json!({"to": "", "text": "hello"}),
        json!({"to": "Bob", "text": "hello"}),
        json!({"text": " "}),
        json!({"text": "長".repeat(16_001)}),
        json!({}),
    ] {
        told.push(says(&tool, call).await);
    }
    let status = SessionStatus::new(Arc::new(Outbox::default()));
    told.push(status.run(json!({}).as_object().unwrap(), &at()).await.unwrap().text);
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_manifests() {
    let outbox = Arc::new(Outbox::default());
    let send = SendMessage::new(Arc::<Outbox>::clone(&outbox));
    let status = SessionStatus::new(outbox);
    insta::assert_snapshot!(tokens(send.manifest()) + "\n" + &tokens(status.manifest()));
}
