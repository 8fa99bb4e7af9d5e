//! One file per instruction set. Unsafe code lives here and nowhere else.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64_i4;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64_state16;

#[cfg(sla_arm_dsp)]
pub mod arm_dsp;

#[cfg(sla_helium)]
pub mod helium;

#[cfg(sla_armv7m)]
pub mod armv7m;

#[cfg(sla_armv6m)]
pub mod armv6m;

#[cfg(sla_rv32m)]
pub mod riscv32;

#[cfg(any(sla_armv6m, sla_armv7m, sla_rv32m))]
mod panels;
