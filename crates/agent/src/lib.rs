#![doc = include_str!("../README.md")]

pub mod compact;
mod live;
mod model;
mod notes;
mod render;

pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note, Past};
pub use render::render;
