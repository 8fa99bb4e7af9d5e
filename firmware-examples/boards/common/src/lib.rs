//! What the firmware of all boards shares. A board's folder sets its clocks, gives a [`Port`] and a [`Clock`], and calls [`chat()`].

#![no_std]

#[cfg(target_os = "none")]
mod chat;
mod clock;
pub mod model;
#[cfg(target_os = "none")]
mod panic;
mod port;
mod ring;

#[cfg(target_os = "none")]
pub use chat::chat;
pub use clock::Clock;
pub use port::Port;
pub use ring::{CAPACITY, Ring};

#[cfg(target_os = "none")]
use defmt_rtt as _;
