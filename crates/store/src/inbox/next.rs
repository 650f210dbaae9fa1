//! Taking the messages that have come in behind the one in work.

use super::{
    Claimed, InboundState,
    accept::{COLUMNS, COUNT, inbound},
};
use crate::{
    error::Result,
    lanes::{self, Lease},
    sql::params,
    store::Store,
};

impl Store {
    /// Takes the next message of a conversation that is leased: the oldest one behind the number `after`, which is the last
    /// one that the caller has. `None` when there is none. It can be ended before the others, or left for a turn of its own; this
    /// does not count as a claim.
    pub async fn claim_next(&self, lease: &Lease, after: i64) -> Result<Option<Claimed>> {
        let lease = lease.clone();
        self.write("claim_next", move |tx| {
            lanes::hold(tx, &lease)?;
            let statement = format!(
                "UPDATE inbox SET state = ?1, fence = ?2 \
                 WHERE id = (SELECT MIN(id) FROM inbox WHERE conversation = ?3 AND ended_at IS NULL AND id > ?4) \
                 RETURNING {COLUMNS}, id, claims, failures, turn"
            );
            let claimed = InboundState::Claimed.name();
            let row = tx.query_one(&statement, params![claimed, lease.fence, &lease.key, after])?;
            row.map(|row| {
                Ok(Claimed {
                    lease: lease.clone(),
                    id: row.int(COUNT)?,
                    message: inbound(&row)?,
                    claims: u64::try_from(row.int(COUNT + 1)?).unwrap_or(0),
                    failures: u64::try_from(row.int(COUNT + 2)?).unwrap_or(0),
                    turn: row.opt_text(COUNT + 3)?,
                })
            })
            .transpose()
        })
        .await
    }
}
