//! The built binary against the scripted server: what a person sees, what is sent, how it exits.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ask;
mod chain;
mod config;
mod doctor;
mod faults;
mod help;
mod home;
mod models;
mod secrets;
mod up;
