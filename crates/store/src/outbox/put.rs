//! Keeping what must go out.

use std::collections::{BTreeMap, BTreeSet};

use yabby_core::SessionKey;

use super::{NewDelivery, Said, Target};
use crate::{
    error::Result,
    lanes::{self, LaneKind},
    sql::{Tx, params},
    store::Store,
    wakes::Topic,
};

impl Store {
    /// Keeps deliveries that no turn ends with, for a conversation. When this returns they are on the disk. Keys that are
    /// known already are passed over.
    pub async fn deliver(&self, conversation: &SessionKey, deliveries: Vec<NewDelivery>) -> Result<()> {
        let conversation = conversation.as_str().to_owned();
        self.write("deliver", move |tx| put(tx, &conversation, None, &deliveries))
            .await
    }
}

impl Store {
    /// What went out at the end of the turn that a message of the inbox was a part of, in its order; nothing before that.
    pub async fn said_to(&self, message: i64) -> Result<Vec<Said>> {
        self.read("said_to", move |tx| {
            let statement = "SELECT body FROM outbox WHERE turn = (SELECT turn FROM inbox WHERE id = ?1) ORDER BY id";
            let rows = tx.query(statement, params![message])?;
            rows.iter().map(|row| Said::of_kept(&row.text(0)?)).collect()
        })
        .await
    }

    /// How many deliveries to a place have not come to an end: they wait, or are being sent.
    pub async fn undelivered(&self, to: &Target) -> Result<u64> {
        let lane = to.lane();
        self.read("undelivered", move |tx| {
            let statement =
                "SELECT COUNT(*) FROM outbox WHERE lane = ?1 AND ended_at IS NULL AND state IN ('pending', 'sending')";
            let row = tx.query_one(statement, params![&lane])?;
            row.map_or(Ok(0), |row| Ok(row.int(0)?.unsigned_abs()))
        })
        .await
    }
}

/// Keeps deliveries. Their lanes are locked in the order of their names, so that nobody waits for each other.
pub(crate) fn put(tx: &mut dyn Tx, conversation: &str, turn: Option<&str>, deliveries: &[NewDelivery]) -> Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let now = tx.now()?;
    let lanes: BTreeSet<String> = deliveries.iter().map(|delivery| delivery.to.lane()).collect();
    let mut heads = BTreeMap::new();
    for lane in lanes {
        let head = lanes::make(tx, LaneKind::Out, &lane)?;
        heads.insert(lane, head);
    }
    let statement = "INSERT INTO outbox \
                     (key, conversation, turn, lane, channel, account, peer, thread, body, state, created_at, expires_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', ?10, ?11) \
                     ON CONFLICT (key) DO NOTHING RETURNING id";
    for delivery in deliveries {
        let to = &delivery.to;
        let lane = to.lane();
        let kept = tx.query_one(
            statement,
            params![
                &delivery.key,
                conversation,
                turn.map(str::to_owned),
                &lane,
                &to.channel,
                &to.account,
                &to.peer,
                to.thread.clone(),
                delivery.content.to_kept()?,
                now,
                delivery.expires_at,
            ],
        )?;
        let Some(kept) = kept else { continue };
        if let Some(head @ None) = heads.get_mut(&lane) {
            let id = kept.int(0)?;
            lanes::set_head(tx, LaneKind::Out, &lane, Some(id))?;
            *head = Some(id);
        }
    }
    tx.wake(Topic::Outbox)
}
