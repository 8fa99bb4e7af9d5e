//! What the firmware of all boards shares. A board's folder sets its clocks, gives a [`Port`] and a
//! counter, and calls [`chat()`].

#![no_std]

#[cfg(target_os = "none")]
mod chat;
#[cfg(all(target_os = "none", not(sla_armv6m)))]
mod cycles;
pub mod model;
#[cfg(target_os = "none")]
mod open;
#[cfg(target_os = "none")]
mod panic;
mod port;
mod ring;

#[cfg(target_os = "none")]
pub use chat::chat;
#[cfg(all(target_os = "none", not(sla_armv6m)))]
pub use cycles::Cycles;
#[cfg(target_os = "none")]
pub use open::{open, stop};
pub use port::Port;
pub use ring::{Lost, Ring};
pub use sla_serial::Counter;

#[cfg(target_os = "none")]
use defmt_rtt as _;
