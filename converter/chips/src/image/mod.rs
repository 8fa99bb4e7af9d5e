//! A model as a file that programmers, debuggers and boot loaders can write into flash.

mod elf;
mod families;
mod hex;
pub mod region;
mod uf2;

pub use elf::{Machine, elf};
pub use families::{FAMILIES, family};
pub use hex::hex;
pub use region::{Region, RegionError};
pub use uf2::{UF2_BLOCK, uf2};

/// Contents and the address that they belong at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'b> {
    /// First address; [`Region::of_model`] has seen that it is aligned and that all of it has a
    /// 32-bit address.
    pub address: u32,
    /// Contents.
    pub bytes: &'b [u8],
}
