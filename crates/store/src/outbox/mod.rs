//! What must go out.
//!
//! A delivery is kept in the transaction that ends the turn that it comes from, and goes out once. To each place things go
//! one after another, in order. What may have gone out is not sent again, unless the channel can say that it has not; what
//! has become stale is not sent either. In both cases the owner is asked.

mod ask;
mod claim;
mod delivery;
mod end;
mod owner;
mod put;
mod said;

pub use claim::ClaimedDelivery;
pub use delivery::{NewDelivery, Target};
pub use end::DeliveryOutcome;
pub use owner::{OutboxState, StoppedDelivery};
pub use said::Said;

pub(crate) use ask::delivery_of;
pub(crate) use owner::{decide, lock, no_delivery};
pub(crate) use put::put;

use crate::{
    error::Result,
    sql::{Tx, params},
};

/// The oldest delivery of a lane that is to be sent.
fn next_open(tx: &mut dyn Tx, lane: &str) -> Result<Option<i64>> {
    let statement = "SELECT id FROM outbox WHERE lane = ?1 AND ended_at IS NULL AND state IN ('pending', 'sending') \
                     ORDER BY id LIMIT 1";
    let row = tx.query_one(statement, params![lane])?;
    row.map(|row| row.int(0)).transpose()
}
