//! One file or folder per instruction set, with a table of the kernels that it has. build.rs
//! chooses one. Unsafe code lives here and nowhere else.

/// Fails to compile unless the fields of a struct are at these bytes, where assembly reads them.
#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
#[allow(unused_macros, reason = "not every backend hands a struct to assembly")]
macro_rules! offsets {
    ($type:ident, $($field:ident: $offset:literal),*) => {
        const _: () = {
            $(assert!(core::mem::offset_of!($type, $field) == $offset);)*
        };
    };
}

#[cfg(sla_backend = "neon")]
mod aarch64;
#[cfg(sla_backend = "neon")]
pub(crate) use aarch64::KERNELS;

#[cfg(sla_backend = "arm-dsp")]
mod arm_dsp;
#[cfg(sla_backend = "arm-dsp")]
pub(crate) use arm_dsp::KERNELS;

#[cfg(sla_backend = "armv6-m")]
mod armv6m;
#[cfg(sla_backend = "armv6-m")]
pub(crate) use armv6m::KERNELS;

#[cfg(sla_backend = "armv7-m")]
mod armv7m;
#[cfg(sla_backend = "armv7-m")]
pub(crate) use armv7m::KERNELS;

#[cfg(sla_backend = "helium")]
mod helium;
#[cfg(sla_backend = "helium")]
pub(crate) use helium::KERNELS;

#[cfg(sla_backend = "rv32m")]
mod riscv32;
#[cfg(sla_backend = "rv32m")]
pub(crate) use riscv32::KERNELS;

#[cfg(sla_backend = "avx2")]
mod x86_64;
#[cfg(sla_backend = "avx2")]
pub(crate) use x86_64::KERNELS;

#[cfg(sla_backend = "scalar")]
pub(crate) use crate::kernels::ORACLE as KERNELS;

/// What several of them share: how a matrix is handed to assembly.
#[cfg(any(
    sla_backend = "armv6-m",
    sla_backend = "armv7-m",
    sla_backend = "rv32m"
))]
mod panels;
#[cfg(any(sla_backend = "arm-dsp", sla_backend = "helium"))]
mod passes_i4;
