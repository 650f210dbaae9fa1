//! The store, from outside. What both databases must do runs on both ([`both::on_both`]).
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod approvals;
mod both;
mod check;
mod crash;
mod damage;
mod effects;
mod everything;
mod folder;
mod full;
mod given;
mod gone;
mod grants;
mod inbox;
mod keys;
mod lanes;
mod learned;
mod lossy;
mod lost;
mod openclaw;
mod outbox;
mod portable;
mod replicas;
mod responses;
mod restart;
mod secrets;
mod spending;
mod timers;
mod transcript;
mod trial;
mod unreadable;
mod work;
