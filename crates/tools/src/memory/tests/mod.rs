//! The memory over real files.

mod apart;
mod desk;
mod follow;
mod meaning;
mod notes;
