//! A sensor in front of a feature model: a template. No heap, no float, no panic.
//!
//! ```text
//! Bus → Sensor → Windows → FeatureSource → Monitor → Logits
//! I2C    LIS3DH   hop        i32            Session
//! SPI    yours               yours
//! ```
//!
//! ```
//! # use sla_sensor::*;
//! # fn example(
//! #     (model, session, i2c): (&sla_runtime::Model, sla_runtime::Session, impl embedded_hal::i2c::I2c),
//! #     (act, wait_for_interrupt): (fn(Option<&str>), fn()),
//! # ) -> Result<(), Unfit> {
//! # let log = |_| ();
//! let mut features = [0; 96];
//! let sensor = Lis3dh::new(I2cBus::new(i2c, 0x18), Config { rate: Rate::Hz100, range: Range::G4, retries: 2 });
//! let source = Windows::<_, 3, 32>::new(sensor, Settings { hop: 16, ..Settings::default() });    // 96 features, every 160 ms
//! let mut monitor = Monitor::new(session, source, &mut features)?;
//! loop {
//!     match monitor.poll() {
//!         Ok(Some(mut logits)) => act(model.label(logits.argmax())),
//!         Ok(None) => wait_for_interrupt(),
//!         Err(trouble) => log(trouble),                                    // the next poll starts the sensor anew
//!     }
//! }
//! # }
//! ```
//!
//! * Another sensor implements [`Sensor`]; one that computes its own features implements
//!   [`FeatureSource`].
//! * A model never reads a window with a gap in it: after any trouble windows and the model's
//!   stream start anew.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod bus;
mod lis3dh;
mod monitor;
mod scale;
mod windows;

pub use bus::{Bus, I2cBus, SpiBus};
pub use lis3dh::{Config, DeviceError, Lis3dh, Range, Rate};
pub use monitor::{FeatureSource, Monitor, Unfit};
pub use scale::Scale;
pub use windows::{Sensor, Settings, Trouble, Windows};
