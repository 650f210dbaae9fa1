//! The owner answers questions, and the turns that have asked them go on.

use std::collections::BTreeSet;

use yabby_core::{Text, text};
use yabby_store::{Answer, AnswerOutcome, Approval, ApprovalState, StoreError};

use super::{WHOLE, asking, commands::Obeyed, ending::Ending, scene::Scene};
use crate::View;

/// So many open questions are looked through.
const MOST_QUESTIONS: usize = 500;

impl Scene<'_> {
    /// The open questions of this conversation, the oldest first.
    pub(super) async fn questions(&self) -> Result<Vec<Approval>, StoreError> {
        let mut open = self.store.open_approvals(MOST_QUESTIONS).await?;
        open.retain(|approval| approval.asked.conversation == self.conversation);
        Ok(open)
    }

    /// Answers one question, or all of them.
    pub(super) async fn answered_by(&self, which: &str, granted: bool) -> Result<Obeyed, StoreError> {
        // What an earlier try of this very message has answered is what it meant: its turn may have asked something else since.
        let mut answered = self.store.approvals_answered_in(&self.reply).await?;
        if answered.is_empty() {
            let meant = match self.meant_by(&which.trim().to_ascii_lowercase()).await? {
                Ok(meant) => meant,
                Err(told) => return Ok(Obeyed::Told(Ending::notice(told))),
            };
            for approval in meant {
                answered.push(self.answer(&approval.asked.id, granted).await?);
            }
        }
        // What is about a delivery has come to its end with the answer. Of the others, one for each turn.
        let mut turns = BTreeSet::new();
        answered.retain(|approval| approval.asked.effect.is_none() && turns.insert(approval.asked.turn.clone()));
        Ok(if answered.is_empty() {
            Obeyed::Told(Ending::notice(text!("noted")))
        } else {
            Obeyed::GoOn(answered)
        })
    }

    /// The questions that are meant, or why there are none.
    async fn meant_by(&self, which: &str) -> Result<Result<Vec<Approval>, Text>, StoreError> {
        let here = self.questions().await?;
        let none = here.is_empty();
        let meant: Vec<Approval> = match which {
            "" | "all" => here,
            id => here
                .into_iter()
                .filter(|approval| approval.asked.id.starts_with(id))
                .collect(),
        };
        Ok(match meant.as_slice() {
            [] => match self.answered_before(which).await? {
                Some((approval, true)) => Ok(vec![approval]),
                Some((_, false)) => Err(text!("that question was answered before")),
                None if none => Err(text!("there is no question to answer")),
                None => Err(text!("no open question has the id {id}", id = which)),
            },
            [_] => Ok(meant),
            _ if which == "all" => Ok(meant),
            many => {
                let ids: Vec<&str> = many.iter().map(|approval| approval.asked.id.as_str()).collect();
                Err(text!(
                    "several questions are open; say which one, or all: {ids}",
                    ids = ids.join(", ")
                ))
            }
        })
    }

    /// A question of this conversation that is not open any more, and whether its turn is to go on: it waits, or it is told that
    /// its session has ended.
    async fn answered_before(&self, id: &str) -> Result<Option<(Approval, bool)>, StoreError> {
        let there = self.store.approval(id).await?;
        let here =
            there.filter(|there| there.asked.conversation == self.conversation && there.state != ApprovalState::Open);
        let Some(approval) = here else { return Ok(None) };
        let Some(turn) = &approval.asked.turn else {
            return Ok(Some((approval, false)));
        };
        let items = self.store.items(&self.session.id, 0, WHOLE).await?;
        let view = View::of(&items, turn);
        let ended = !items.iter().any(|item| item.item.turn.as_ref() == Some(turn));
        let waits = !view.ended && view.pending.iter().any(|pending| asking::id(&pending.key) == id);
        Ok(Some((approval, ended || waits)))
    }

    /// Answers a question on behalf of this turn: as often as the turn is tried, and once.
    async fn answer(&self, id: &str, granted: bool) -> Result<Approval, StoreError> {
        let answer = Answer {
            granted,
            by: self
                .origin
                .sender
                .clone()
                .unwrap_or_else(|| self.origin.channel.clone()),
            words: None,
        };
        let (AnswerOutcome::Taken(there) | AnswerOutcome::Late(there)) =
            self.store.answer_approval_in(&self.reply, id, answer).await?;
        Ok(there)
    }

    /// A session has ended: the turns in it go on no more, so that there is nothing left to say yes to.
    pub(super) async fn settle_questions(&self) -> Result<(), StoreError> {
        for approval in self.questions().await? {
            if approval.asked.effect.is_none() {
                self.answer(&approval.asked.id, false).await?;
            }
        }
        Ok(())
    }
}
