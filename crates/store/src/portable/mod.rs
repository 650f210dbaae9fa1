//! The store on its way: exports that both databases read, backups.
//!
//! An export is a file of lines, one a row, each with a checksum, and at the end the checksum of the whole. What is
//! derived from other rows (the words for the search, the heads of lanes) stays behind and is made again.

mod backup;
mod export;
mod import;
mod line;
mod pages;
mod tables;

pub use backup::{Backup, BackupKind};
pub use export::Exported;
pub use import::{ImportMode, Imported};

pub(crate) use backup::size;
pub(crate) use line::hex;
pub(crate) use pages::each_row;
pub(crate) use tables::{Kind, TABLES, Table};
