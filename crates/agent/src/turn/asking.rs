//! Asking the owner.

use sha2::{Digest, Sha256};
use yabby_core::{Text, ToolCall, text};
use yabby_store::{NewApproval, Said, StoreError};

use super::{ending::Ending, lines, scene::Scene};
use crate::{Live, Pending};

/// The letters of an id that people type: none that looks like another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// So many letters an id has; two among a billion questions share one with a chance of one to a thousand.
const LENGTH: usize = 8;
/// The most characters of the arguments that are shown in a question.
const SHOWN: usize = 1_000;

/// The id of the question about a call, which a person can type.
pub(super) fn id(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    hash.iter().take(LENGTH).map(letter).collect()
}

impl Scene<'_> {
    /// The call that would be done.
    fn meant(&self, pending: &Pending) -> ToolCall {
        let meant = self.tools.meant(&pending.call);
        meant.map_or_else(|_| pending.call.clone(), |meant| meant.call)
    }

    /// Asks about calls, and ends the turn: the answer to the question goes on with it, whenever it comes.
    pub(super) async fn ask(&self, calls: &[Pending]) -> Result<Ending, StoreError> {
        let (mut says, mut asks) = (Vec::new(), Vec::new());
        for pending in calls {
            let id = id(&pending.key);
            let question = question(&self.meant(pending));
            let approval = NewApproval {
                id: id.clone(),
                conversation: self.conversation.clone(),
                turn: Some(self.turn.clone()),
                effect: None,
                question: question.clone(),
                expires_at: None,
            };
            let asked = self.store.ask_approval(approval).await?;
            self.tell(Live::Asked(asked));
            let how = text!("yes: /approve {id}    no: /deny {id}", id = id);
            says.push(Said::Notice(lines([question, how])));
            asks.push(id);
        }
        Ok(Ending {
            says,
            asks,
            ..Ending::default()
        })
    }
}

/// What is asked: by Yabby, not by the model, and exactly what would be done.
fn question(call: &ToolCall) -> Text {
    let alone = call.arguments.get("command").and_then(|command| command.as_str());
    match alone {
        Some(command) if call.arguments.len() == 1 => lines([
            text!("May I run this command?"),
            text!("{command}", command = shortened(command)),
        ]),
        _ => {
            let arguments = serde_json::to_string_pretty(&call.arguments).unwrap_or_default();
            lines([
                text!("May I use {tool} with this?", tool = call.name),
                text!("{arguments}", arguments = shortened(&arguments)),
            ])
        }
    }
}

/// The text without control characters, and not longer than a person reads. What is left out is said: it is part of what is
/// asked.
fn shortened(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let count = clean.chars().count();
    if count <= SHOWN {
        return clean;
    }
    let (head, tail) = (SHOWN * 3 / 4, SHOWN / 4);
    let begin: String = clean.chars().take(head).collect();
    let end: String = clean.chars().skip(count - tail).collect();
    format!("{begin}\n… {} more characters …\n{end}", count - head - tail)
}
