//! Durable state: what was said, what has come in and must be answered, what must go out, and what was done.
//!
//! A [`Store`] is a handle to one of two backends that do the same: SQLite in a folder, for one process, or PostgreSQL,
//! for any number of replicas. Every operation is one transaction, is written once for both (`sql`), and may be repeated:
//! ids come from the caller, so that an operation whose connection broke off is simply run again.
//!
//! When an operation that writes has returned, what it wrote is on the disk.

mod approvals;
mod attachments;
mod backend;
mod between;
mod check;
mod derived;
mod effects;
mod error;
mod fail;
mod files;
mod grants;
mod held;
mod ids;
mod inbox;
mod json;
mod keys;
mod lanes;
mod learned;
mod open;
mod openclaw;
mod outbox;
mod overview;
mod portable;
mod postgres;
mod responses;
mod schema;
mod search;
mod secrets;
mod sessions;
mod spending;
mod sql;
mod sqlite;
mod store;
mod tidy;
mod timers;
mod transcript;
mod wakes;
mod work;

pub use approvals::{Answer, AnswerOutcome, Approval, ApprovalState, NewApproval};
pub use attachments::Limits;
pub use between::{Between, Ear, Heard, Whom};
pub use check::{Checked, Problem, ProblemKind, Repaired};
pub use effects::Begun;
pub use error::{StoreError, StoreErrorKind};
pub use grants::{Grant, NewGrant};
pub use held::Held;
pub use ids::new_id;
pub use inbox::{Accepted, Backlog, Claimed, InboundState, NewInbound, NewItems, TurnEnd, TurnOutcome};
pub use keys::{
    Beyond, Exchanged, Key, KeyChanges, KeyHash, KeyKind, Keys, NewCode, NewKey, NewSecret, Scopes, new_secret,
};
pub use lanes::Lease;
pub use learned::Learned;
pub use open::{Access, Place};
pub use openclaw::{FromOpenclaw, Skipped, read_openclaw_transcript};
pub use outbox::{ClaimedDelivery, DeliveryOutcome, NewDelivery, OutboxState, Said, StoppedDelivery, Target};
pub use overview::Overview;
pub use portable::{Backup, BackupKind, Exported, ImportMode, Imported};
pub use responses::{Asked, KeptResponse, NewResponse};
pub use search::Hit;
pub use secrets::{KeptSecret, SecretsKey};
pub use sessions::{Conversation, KeepFor, Page, Pruned, Session, SessionFilter};
pub use spending::{Expense, Spent, SpentBy, day_of};
pub use store::Store;
pub use tidy::Tidied;
pub use timers::{FiredTimer, Fires, NewTimer, Timer};
pub use transcript::{Content, FileRef, Item, NewItem};
pub use wakes::Topic;
pub use work::{Alarms, Answered, Deliver, Deliveries, LookedUp, Pace, Sending, Turn, TurnHandler, Turns};

#[cfg(feature = "fail-points")]
pub use fail::point as fail_point;
