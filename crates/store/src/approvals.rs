//! Questions to the owner: each is answered once, by whoever comes first, or not in time.

use yabby_core::{SessionKey, Text, Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    ids::new_id,
    inbox::unknown_state,
    json, outbox,
    sql::{Row, Tx, params},
    store::Store,
    wakes::Topic,
};

/// A question to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct NewApproval {
    /// From [`new_id`].
    pub id: String,
    /// The conversation in which it has come up.
    pub conversation: SessionKey,
    /// The turn that waits for it.
    pub turn: Option<String>,
    /// The key of the effect that it is about.
    pub effect: Option<String>,
    /// The question.
    pub question: Text,
    /// Until when it can be answered; `None` for always.
    pub expires_at: Option<Time>,
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// The question.
    pub asked: NewApproval,
    /// When it was asked.
    pub asked_at: Time,
    /// How far it has come.
    pub state: ApprovalState,
    /// When it was answered, or nobody could do so any more.
    pub ended_at: Option<Time>,
    /// Who has answered it. Nobody is named when the matter was settled without an answer to the question.
    pub answered_by: Option<String>,
    /// What else they said.
    pub words: Option<String>,
}

/// How far a question has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// It waits for an answer.
    Open,
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// Nobody has answered in time, and that means no.
    Expired,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Yes or no.
    pub granted: bool,
    /// Who says so.
    pub by: String,
    /// What else they say.
    pub words: Option<String>,
}

/// Whether an answer counts.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerOutcome {
    /// It does.
    Taken(Approval),
    /// The question had ended before.
    Late(Approval),
}

/// The columns that [`approval`] reads.
const COLUMNS: &str =
    "id, conversation, turn, effect, question, expires_at, asked_at, state, answered_at, answered_by, answer";

impl ApprovalState {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Expired => "expired",
        }
    }

    fn of_name(name: &str) -> Result<Self> {
        [Self::Open, Self::Granted, Self::Denied, Self::Expired]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| unknown_state(name))
    }
}

impl Store {
    /// Asks the owner. To ask once more under the same id gives the question as it is now.
    pub async fn ask_approval(&self, new: NewApproval) -> Result<Approval> {
        self.write("ask_approval", move |tx| {
            let now = tx.now()?;
            let statement = "INSERT INTO approvals \
                             (id, conversation, turn, effect, question, state, asked_at, expires_at) \
                             VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7) ON CONFLICT (id) DO NOTHING";
            tx.execute(
                statement,
                params![
                    &new.id,
                    new.conversation.as_str(),
                    new.turn.clone(),
                    new.effect.clone(),
                    json::to_text(&new.question)?,
                    now,
                    new.expires_at
                ],
            )?;
            tx.wake(Topic::Approvals)?;
            let there = existing(tx, &new.id)?;
            // In words: an older version may have kept them in another form.
            let same = there.asked.question.english() == new.question.english()
                && NewApproval {
                    question: new.question.clone(),
                    ..there.asked.clone()
                } == new;
            if same { Ok(there) } else { Err(another(&new.id)) }
        })
        .await
    }

    /// Answers a question. The first answer counts; whoever comes later learns what it was. An answer about a delivery that
    /// has stopped sends it, or gives it up, at the same time.
    pub async fn answer_approval(&self, id: &str, answer: Answer) -> Result<AnswerOutcome> {
        // So that this call knows its own answer when it is run again, and nobody else does.
        self.answer_approval_in(&new_id(), id, answer).await
    }

    /// The same for a caller that may die over it: `within` stands for what it does, and its answer counts as taken as often
    /// as it is given.
    pub async fn answer_approval_in(&self, within: &str, id: &str, answer: Answer) -> Result<AnswerOutcome> {
        let (me, id) = (within.to_owned(), id.to_owned());
        self.write("answer_approval", move |tx| {
            let delivery = existing(tx, &id)?.asked.effect.as_deref().and_then(outbox::delivery_of);
            if let Some(delivery) = delivery {
                // Places of delivery are locked before anything else.
                if !outbox::lock(tx, delivery)? {
                    return Err(outbox::no_delivery(delivery));
                }
            }
            let now = tx.now()?;
            let state = if answer.granted {
                ApprovalState::Granted
            } else {
                ApprovalState::Denied
            };
            let statement = "UPDATE approvals SET state = ?1, answered_at = ?2, answered_by = ?3, answered_in = ?4, \
                             answer = ?5 WHERE id = ?6 AND state = 'open' AND (expires_at IS NULL OR expires_at > ?2)";
            let words = answer.words.clone();
            let taken = tx.execute(statement, params![state.name(), now, &answer.by, &me, words, &id])?;
            if taken == 1 {
                if let Some(delivery) = delivery {
                    outbox::decide(tx, delivery, answer.granted)?;
                }
                tx.wake(Topic::Approvals)?;
            } else {
                expire(tx, now)?;
            }
            let statement = "SELECT 1 FROM approvals WHERE id = ?1 AND answered_in = ?2";
            let mine = tx.query_one(statement, params![&id, &me])?.is_some();
            let there = existing(tx, &id)?;
            Ok(if mine {
                AnswerOutcome::Taken(there)
            } else {
                AnswerOutcome::Late(there)
            })
        })
        .await
    }

    /// Ends questions that nobody has answered in time; when the next one ends so.
    pub async fn expire_approvals(&self) -> Result<Option<Time>> {
        self.write("expire_approvals", |tx| {
            let now = tx.now()?;
            expire(tx, now)?;
            let row = tx.query_one("SELECT MIN(expires_at) FROM approvals WHERE state = 'open'", params![])?;
            row.map_or(Ok(None), |row| row.opt_time(0))
        })
        .await
    }

    /// A question.
    pub async fn approval(&self, id: &str) -> Result<Option<Approval>> {
        let id = id.to_owned();
        self.read("approval", move |tx| by_id(tx, &id)).await
    }

    /// Questions that were answered by [`Store::answer_approval_in`] with this `within`, the oldest first.
    pub async fn approvals_answered_in(&self, within: &str) -> Result<Vec<Approval>> {
        let within = within.to_owned();
        self.read("approvals_answered_in", move |tx| {
            let statement = format!("SELECT {COLUMNS} FROM approvals WHERE answered_in = ?1 ORDER BY asked_at, id");
            tx.query(&statement, params![&within])?.iter().map(approval).collect()
        })
        .await
    }

    /// Questions that can be answered, the oldest first, so many at the most.
    pub async fn open_approvals(&self, most: usize) -> Result<Vec<Approval>> {
        self.read("open_approvals", move |tx| {
            let now = tx.now()?;
            let statement = format!(
                "SELECT {COLUMNS} FROM approvals WHERE state = 'open' AND (expires_at IS NULL OR expires_at > ?1) \
                 ORDER BY asked_at, id LIMIT ?2"
            );
            tx.query(&statement, params![now, most])?.iter().map(approval).collect()
        })
        .await
    }
}

fn expire(tx: &mut dyn Tx, now: Time) -> Result<()> {
    let statement =
        "UPDATE approvals SET state = 'expired', answered_at = ?1 WHERE state = 'open' AND expires_at <= ?1";
    if tx.execute(statement, params![now])? == 0 {
        Ok(())
    } else {
        tx.wake(Topic::Approvals)
    }
}

fn by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<Approval>> {
    let row = tx.query_one(&format!("SELECT {COLUMNS} FROM approvals WHERE id = ?1"), params![id])?;
    row.map(|row| approval(&row)).transpose()
}

fn existing(tx: &mut dyn Tx, id: &str) -> Result<Approval> {
    by_id(tx, id)?.ok_or_else(|| {
        let message = text!("there is no question {id}", id = id);
        StoreError::new(StoreErrorKind::Missing, message)
    })
}

fn approval(row: &Row) -> Result<Approval> {
    Ok(Approval {
        asked: NewApproval {
            id: row.text(0)?,
            conversation: row.session_key(1)?,
            turn: row.opt_text(2)?,
            effect: row.opt_text(3)?,
            question: row.json(4)?,
            expires_at: row.opt_time(5)?,
        },
        asked_at: row.time(6)?,
        state: ApprovalState::of_name(&row.text(7)?)?,
        ended_at: row.opt_time(8)?,
        answered_by: row.opt_text(9)?,
        words: row.opt_text(10)?,
    })
}

fn another(id: &str) -> StoreError {
    let message = text!("another question has the id {id}", id = id);
    StoreError::new(StoreErrorKind::Invalid, message)
}
