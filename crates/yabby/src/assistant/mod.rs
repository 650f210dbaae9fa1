//! The assistant of this run: the agent over the config, the servers that were found, and the store.

mod furnished;
mod home;
mod ports;
mod running;
mod staff;
mod working;

pub(crate) use furnished::{Furnished, chosen, folder};
pub(crate) use home::Household;
pub(crate) use ports::Ports;
pub(crate) use running::{Delivered, Running};
pub(crate) use staff::{Chosen, Staff};
pub(crate) use working::{Furnishing, Working};
