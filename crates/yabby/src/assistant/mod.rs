//! The assistant of this run: the agent over the config, the servers that were found, and the store.

mod furnished;
mod home;
mod ports;
mod running;

pub(crate) use furnished::{Furnished, chosen, folder};
pub(crate) use home::Household;
pub(crate) use ports::Ports;
pub(crate) use running::{Chosen, Delivered, Running};
