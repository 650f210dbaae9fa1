//! The store, from outside. What both databases must do runs on both ([`both::on_both`]).
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

mod both;
mod crash;
mod effects;
mod folder;
mod given;
mod inbox;
mod lanes;
mod outbox;
mod replicas;
mod trial;
mod work;
