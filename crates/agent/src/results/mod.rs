//! Long results of tools: what the model is shown of them, and how it reads on.
//!
//! The item of a result holds what the model is shown. Of a result that was cut, the whole text is a file of the item, whose
//! id is the handle by which the model asks for the rest.

mod fit;
mod keep;
mod tool;

pub use fit::fit;
pub use keep::{keep, whole};
pub use tool::ResultTool;

pub(crate) use tool::{TOOL, failed};
