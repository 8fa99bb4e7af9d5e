//! One file per instruction set. Unsafe code lives here and nowhere else.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64_i4;

#[cfg(sla_arm_dsp)]
pub mod arm_dsp;

#[cfg(sla_helium)]
pub mod helium;
