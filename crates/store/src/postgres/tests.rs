//! What only this backend has to bear: servers that end, transactions that meet, connections that break off.

mod access;
pub(crate) mod given;
mod lost;
mod migrate;
mod presence;
mod tls;
mod wakes;
