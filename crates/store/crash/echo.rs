//! Answers every message with its name, in two pieces, and does one thing for it that must not be done twice.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde_json::json;
use yabby_core::{ChunkLimit, ChunkUnit, EndReason, FinalText, Label, Message, ModelEvent, Time, Unfinished};
use yabby_store::{
    Answered, Begun, Content, NewDelivery, NewItem, NewItems, StoreError, Target, Turn, TurnHandler, TurnOutcome,
    fail_point,
};

use crate::ledger;

/// So that the two pieces never fit into one.
const LIMIT: ChunkLimit = ChunkLimit {
    most: 20,
    unit: ChunkUnit::Chars,
};

pub(crate) struct Echo {
    effects: PathBuf,
    /// How many wait for an answer, as far as this process knows.
    ahead: Arc<AtomicI64>,
}

impl Echo {
    pub(crate) fn new(effects: PathBuf, ahead: Arc<AtomicI64>) -> Self {
        Self { effects, ahead }
    }

    /// Does the thing, and says what it knows about it.
    async fn effect(&self, turn: &Turn) -> Result<&'static str, StoreError> {
        let key = format!("{}/effect", turn.turn);
        let message = &turn.message.message;
        match turn.store.begin_effect(&turn.lease, &key, &turn.turn, message).await? {
            Begun::Go => {
                fail_point("effect", "before");
                ledger::add(&self.effects, message);
                fail_point("effect", "after");
                turn.store.end_effect(&turn.lease, &key, json!(true)).await?;
                Ok("done")
            }
            Begun::Done(_) => Ok("done"),
            Begun::MayHaveHappened => Ok("unknown"),
            Begun::Differs => Ok("differs"),
        }
    }
}

impl TurnHandler for Echo {
    async fn turn(&self, turn: Turn) -> Result<Answered, StoreError> {
        self.ahead.fetch_sub(1, Ordering::SeqCst);
        let effect = self.effect(&turn).await?;
        let session = turn.message.conversation.as_str();
        let origin = Some(&turn.message.origin);
        turn.store
            .begin_session(&turn.lease, origin, "new", (session, Time(0)))
            .await?;
        let message = &turn.message.message;
        let text = format!("{message} is {effect}.\n\nEnd of {message}.");
        let item = |end: &str, message: Message| NewItem {
            id: format!("{}/{end}", turn.turn),
            turn: Some(turn.turn.clone()),
            at: Time(0),
            content: Content::Message { message },
            label: Label::of_nothing(),
            attempts: Vec::new(),
            files: Vec::new(),
        };
        Ok(Answered {
            how: TurnOutcome::Done,
            items: Some(NewItems {
                session: session.to_owned(),
                items: vec![
                    item("question", Message::user(message)),
                    item("answer", Message::assistant(&text)),
                ],
            }),
            deliveries: NewDelivery::answer(
                &turn.turn,
                &Target::answering(&turn.message.origin),
                &answer(text),
                LIMIT,
                None,
            ),
        })
    }
}

fn answer(text: String) -> FinalText {
    let mut answer = Unfinished::default();
    answer.push(&ModelEvent::Text(text));
    let end = answer.push(&ModelEvent::End(EndReason::Stop));
    end.map(|(text, _)| text).unwrap_or_default()
}
