#![doc = include_str!("../README.md")]

pub mod compact;
mod live;
mod model;
mod notes;
mod recall;
mod render;
pub mod results;

pub use live::{Live, ToolState};
pub use model::{Model, Served, Wish};
pub use notes::{Frozen, Note, Past};
pub use recall::Recall;
pub use render::render;
