#![doc = include_str!("../README.md")]

mod live;
mod model;
mod notes;
mod render;

pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note};
pub use render::render;
