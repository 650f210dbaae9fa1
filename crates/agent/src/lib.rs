#![doc = include_str!("../README.md")]

mod body;
mod command;
mod home;
mod hub;
mod live;
mod model;
mod notes;
mod render;
mod routed;
mod state;
mod step;
mod turn;

pub use body::{Body, Kind, Reminder};
pub use command::Command;
pub use home::{Home, Rules};
pub use hub::Hub;
pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note};
pub use render::render;
pub use routed::Routed;
pub use state::{QueueMode, State};
pub use step::{Exceeded, Facts, Limits, Pending, Permit, Repeated, Spent, Step, View, promises, repeated, step};
pub use turn::{Assistant, Spawn};
