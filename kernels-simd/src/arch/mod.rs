//! One file per instruction set. Unsafe code lives here and nowhere else.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86_64;

#[cfg(all(sla_arm_dsp, not(sla_helium)))]
pub mod cortex_m_dsp;

#[cfg(sla_helium)]
pub mod helium;
