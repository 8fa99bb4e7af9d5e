//! The fake sensor, windows of it, and a model behind them.

mod chip;
mod model;
mod windows;
