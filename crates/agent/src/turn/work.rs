//! The loop of a turn: read what is there, take the next step.

use std::collections::HashMap;

use yabby_core::{Label, Numbers};
use yabby_store::{ApprovalState, Item, NewItems, StoreError, TurnEnd, TurnOutcome};

use super::{WHOLE, asking, ending::Ending, incoming::Incoming, item, meanwhile::Ends, scene::Scene};
use crate::{Facts, Note, Permit, Step, View, render, step};

/// A turn in work.
pub(super) struct Work<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) incoming: Incoming,
    /// Whether the model must answer with what it has, because it goes round in a circle.
    pub(super) answers_now: bool,
    /// Whether a summary was made in this turn.
    pub(super) compacted: bool,
    /// Whether the prompt was made again in this turn because it did not suit the model.
    remade: bool,
    /// What a server has said of a request that did not fit, when nothing was done about it yet.
    pub(super) overflow: Option<Numbers>,
}

/// What a step leads to.
pub(super) enum After {
    /// The next step.
    GoOn,
    /// The end of the turn.
    End(Ending),
}

// === impl Work ===

impl<'a> Work<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        Self {
            incoming: Incoming::new(&scene),
            scene,
            answers_now: false,
            compacted: false,
            remade: false,
            overflow: None,
        }
    }

    /// Goes on until the turn ends.
    pub(super) async fn run(&mut self) -> Result<Ending, StoreError> {
        loop {
            let items = self.items().await?;
            let mut view = View::of(&items, &self.scene.turn);
            if self.scene.waited() {
                // It may have waited so long that what it had called is in a summary.
                let scene = &self.scene;
                let all = scene.store.items(&scene.session.id, 0, WHOLE).await?;
                view = View::of(&all, &scene.turn);
            }
            let approved = self.approved(&view, &items).await?;
            let too_long = self.is_too_long(&items);
            let next = step(
                &view,
                &Facts {
                    permit: &|pending| self.scene.permit(pending, &items),
                    approved: &|key| approved.get(key).copied(),
                    too_long,
                    limits: self.scene.rules.limits,
                    spent: self.scene.spent(&items),
                },
            );
            let after = match next {
                // Not between a call and its result.
                Step::CallModel { .. } if self.let_in().await? => After::GoOn,
                Step::CallModel { tools } => self.call(&items, &view, tools && !self.answers_now).await?,
                Step::RunTools(calls) => self.run_tools(&calls, &view, &items, &approved).await?,
                Step::AskApproval(calls) => After::End(self.scene.ask(&calls).await?),
                Step::Compact => self.compact().await?,
                Step::Stop(exceeded) => After::End(self.scene.exceeded(exceeded)),
                Step::Done => After::End(Ending::default()),
            };
            if let After::End(ending) = after {
                return Ok(ending);
            }
        }
    }

    /// The items that a model is shown, with an epoch at their beginning.
    async fn items(&mut self) -> Result<Vec<Item>, StoreError> {
        let scene = &self.scene;
        let items = scene.store.context(&scene.session.id).await?;
        let Some(served) = &scene.served else {
            // The call will say why to the person.
            return Ok(items);
        };
        let frozen = render(&items).0;
        if let Some(frozen) = &frozen
            && (self.remade || !scene.is_outgrown(frozen, served))
        {
            self.scene.see(frozen);
            return Ok(items);
        }
        // What is still too long then stays so.
        self.remade = true;
        let home = &scene.assistant.home;
        let made = home
            .frozen(&scene.conversation, &scene.wish, served, &scene.registry)
            .await;
        if let Some(frozen) = frozen.filter(|frozen| !scene.is_better(&made, frozen)) {
            self.scene.see(&frozen);
            return Ok(items);
        }
        let frozen = made;
        let id = format!("{}/prompt/{}", scene.turn, items.last().map_or(0, |item| item.seq));
        let content = Note::Prompt(frozen.clone()).content();
        let note = item(id, &scene.turn, content, Label::of_nothing());
        scene.append(vec![note]).await?;
        self.scene.see(&frozen);
        self.scene.store.context(&self.scene.session.id).await
    }

    /// Somebody has ended it, when so much of an answer was seen.
    pub(super) async fn stopped(&mut self, partial: &str, ends: Ends) -> Result<After, StoreError> {
        // What has gone into this ends with it.
        self.let_in().await?;
        let ending = self.scene.stopped(partial);
        Ok(After::End(self.scene.ended_by(ending, ends).await?))
    }

    /// Takes in what has come meanwhile and belongs to this turn; whether there was something.
    async fn let_in(&mut self) -> Result<bool, StoreError> {
        let scene = &self.scene;
        let mut any = false;
        while let Some(claimed) = self.incoming.next_to_let_in() {
            let id = format!("{}/{}", scene.turn, claimed.id);
            let end = TurnEnd {
                message: claimed.id,
                turn: scene.turn.clone(),
                how: TurnOutcome::Done,
                items: Some(NewItems {
                    session: scene.session.id.clone(),
                    items: scene.heard(&claimed.message, &id),
                }),
                deliveries: Vec::new(),
                keep_lease: true,
            };
            scene.store.end_turn(&scene.lease, end).await?;
            any = true;
        }
        Ok(any)
    }

    /// What the owner has said about calls that wait for it.
    async fn approved(&self, view: &View, items: &[Item]) -> Result<HashMap<String, ApprovalState>, StoreError> {
        let mut states = HashMap::new();
        if self.scene.alone {
            // Nobody sees its questions.
            let asks = view
                .pending
                .iter()
                .filter(|pending| self.scene.permit(pending, items) == Permit::Ask);
            return Ok(asks
                .map(|pending| (pending.key.clone(), ApprovalState::Denied))
                .collect());
        }
        for pending in &view.pending {
            if self.scene.permit(pending, items) == Permit::Ask
                && let Some(approval) = self.scene.store.approval(&asking::id(&pending.key)).await?
            {
                states.insert(pending.key.clone(), approval.state);
            }
        }
        Ok(states)
    }
}
