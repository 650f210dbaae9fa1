//! The store, from outside. What both databases must do runs on both ([`both::on_both`]).
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod both;
mod check;
mod crash;
mod effects;
mod everything;
mod folder;
mod given;
mod inbox;
mod lanes;
mod openclaw;
mod outbox;
mod portable;
mod replicas;
mod secrets;
mod transcript;
mod trial;
mod work;
