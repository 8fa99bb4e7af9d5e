//! One name per kernel; the backend behind it is chosen here and nowhere else.

#[cfg(not(sla_arm_dsp))]
use crate::real::Apply;
use crate::scalar::{self, matrix::I8Matrix, matrix_i4::I4Matrix};

/// The backend of a device, fixed by its target (build.rs).
#[cfg(all(sla_arm_dsp, not(sla_helium)))]
use crate::arch::arm_dsp as device;
#[cfg(sla_armv6m)]
use crate::arch::armv6m as device;
#[cfg(sla_armv7m)]
use crate::arch::armv7m as device;
#[cfg(sla_helium)]
use crate::arch::helium as device;
#[cfg(sla_rv32m)]
use crate::arch::riscv32 as device;

/// The backend in use: `"scalar"` or the name of an instruction set.
#[must_use]
pub fn backend() -> &'static str {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if has_avx2() {
        return "avx2";
    }
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    if has_neon() {
        return crate::arch::aarch64::name();
    }
    if cfg!(sla_helium) {
        "helium"
    } else if cfg!(sla_arm_dsp) {
        "arm-dsp"
    } else if cfg!(sla_armv7m) {
        "armv7-m"
    } else if cfg!(sla_armv6m) {
        "armv6-m"
    } else if cfg!(sla_rv32m) {
        "rv32m"
    } else {
        "scalar"
    }
}

#[cfg(feature = "std")]
std::thread_local! {
    static SCALAR: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}

/// Runs `work` with the scalar kernels alone on this thread, whatever the processor has.
#[cfg(feature = "std")]
pub fn with_scalar<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCALAR.set(self.0);
        }
    }
    let _restore = Restore(SCALAR.replace(true));
    work()
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[inline]
fn has_avx2() -> bool {
    !SCALAR.get() && crate::arch::x86_64::available()
}

/// NEON belongs to the target; only [`with_scalar`] leaves it out.
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
#[inline]
fn has_neon() -> bool {
    #[cfg(feature = "std")]
    return !SCALAR.get();
    #[cfg(not(feature = "std"))]
    true
}

/// Matrix times vector with requantisation: see [`scalar::matrix::matvec_i8`].
#[inline]
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if has_avx2() {
        #[expect(unsafe_code, reason = "a call behind the feature test that it needs")]
        // SAFETY: the processor was just found to have AVX2.
        return unsafe { crate::arch::x86_64::matvec_i8(w, x, multiplier, out) };
    }
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    if has_neon() {
        return crate::arch::aarch64::matvec_i8(w, x, multiplier, out);
    }
    #[cfg(any(sla_arm_dsp, sla_armv7m, sla_armv6m, sla_rv32m))]
    return device::matvec_i8(w, x, multiplier, out);
    #[cfg(not(any(sla_arm_dsp, sla_armv7m, sla_armv6m, sla_rv32m)))]
    scalar::matrix::matvec_i8(w, x, multiplier, out);
}

/// int4 matrix times vector with requantisation: see [`scalar::matrix_i4::matvec_i4`].
#[inline]
pub fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if has_avx2() {
        #[expect(unsafe_code, reason = "a call behind the feature test that it needs")]
        // SAFETY: the processor was just found to have AVX2.
        return unsafe { crate::arch::x86_64::matvec_i4(w, x, multiplier, out) };
    }
    #[cfg(sla_arm_dsp)]
    return crate::arch::arm_dsp::matvec_i4(w, x, multiplier, out);
    #[cfg(not(sla_arm_dsp))]
    scalar::matrix_i4::matvec_i4(w, x, multiplier, out);
}

/// Puts vector `lane` (0 or 1) into `pair`, the input of [`matvec_i8_pair`]: as long as two
/// vectors, whose order in it is the backend's own.
#[inline]
pub fn join(x: &[i16], lane: usize, pair: &mut [i16]) {
    #[cfg(all(sla_arm_dsp, not(sla_helium)))]
    return device::join(x, lane, pair);
    #[cfg(not(all(sla_arm_dsp, not(sla_helium))))]
    if let Some(half) = pair.chunks_exact_mut((pair.len() / 2).max(1)).nth(lane) {
        half.iter_mut().zip(x).for_each(|(to, x)| *to = *x);
    }
}

/// [`matvec_i8`] of two vectors that were [`join`]ed; `pair` has 2·padded cols elements.
#[inline]
pub fn matvec_i8_pair(w: &I8Matrix, pair: &[i16], multiplier: &[i32], out: [&mut [i32]; 2]) {
    #[cfg(all(sla_arm_dsp, not(sla_helium)))]
    return device::matvec_i8_pair(w, pair, multiplier, out);
    #[cfg(not(all(sla_arm_dsp, not(sla_helium))))]
    for (x, out) in pair.chunks_exact((pair.len() / 2).max(1)).zip(out) {
        matvec_i8(w, x, multiplier, out);
    }
}

/// A function for each kernel that a host may have its own of, else the oracle.
#[cfg(not(sla_arm_dsp))]
macro_rules! choose {
    ($($module:ident::$name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        #[doc = concat!("See [`scalar::", stringify!($module), "::", stringify!($name), "`].")]
        #[inline]
        pub fn $name($($argument: $type),*) $(-> $result)? {
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            if has_avx2() {
                #[expect(unsafe_code, reason = "a call behind the feature test that it needs")]
                // SAFETY: the processor was just found to have AVX2.
                return unsafe { crate::arch::x86_64::$name($($argument),*) };
            }
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            if has_neon() {
                return crate::arch::aarch64::$name($($argument),*);
            }
            scalar::$module::$name($($argument),*)
        }
    )*};
}

#[cfg(not(sla_arm_dsp))]
choose! {
    activation::gla_channels(
        z: &[i32], decay_max: u32, carry: &mut [u32], bits: &mut [u32], k: &mut [i32], q: &mut [i32]
    );
    activation::sigmoid_product(g: &mut [i32], x: &[i32]);
    activation::silu_in_place(x: &mut [i32]);
    activation::silu_product(g: &mut [i32], x: &[i32], g_up: i32, x_up: i32);
    state::state_read(s: &[i32], k: &[i32], r: &mut [i32]);
    state::state_shift(s: &mut [i32], n: i32);
    state::state_write_read(s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], o: &mut [i32]) -> u32;
    state16::state16_write_read(
        s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], dither: u32, o: &mut [i32]
    ) -> u32;
    vector::add_saturating(x: &mut [i32], y: &[i32]);
    vector::apply(a: Apply, x: &[i32], out: &mut [i32]);
    vector::apply_i16(a: Apply, x: &[i32], out: &mut [i16]);
    vector::apply_in_place(a: Apply, x: &mut [i32]);
    vector::magnitude(x: &[i32]) -> u32;
    vector::shift_i16(x: &[i32], n: i32, out: &mut [i16]);
    vector::shift_in_place(x: &mut [i32], n: i32);
    vector::shift_into(x: &[i32], n: i32, out: &mut [i32]);
    vector::sum_magnitudes(x: &[i32]) -> u64;
    vector::sum_squares(x: &[i32], mask: u32) -> u64;
}

#[cfg(sla_arm_dsp)]
pub use device::state16_write_read;
#[cfg(sla_helium)]
pub use device::{
    add_saturating, apply, apply_i16, apply_in_place, gla_channels, magnitude, shift_i16,
    shift_in_place, shift_into, sigmoid_product, silu_in_place, silu_product, state_read,
    state_shift, state_write_read, sum_magnitudes, sum_squares,
};
#[cfg(all(sla_arm_dsp, not(sla_helium)))]
pub use device::{
    add_saturating, apply, apply_i16, apply_in_place, magnitude, shift_i16, shift_in_place,
    shift_into, silu_product, state_write_read, sum_magnitudes, sum_squares,
};
pub use scalar::activation::carry_decay;
pub use scalar::state16::{pack_pairs, state16_read, state16_shift_up};
#[cfg(all(sla_arm_dsp, not(sla_helium)))]
pub use scalar::{
    activation::{gla_channels, sigmoid_product, silu_in_place},
    state::{state_read, state_shift},
};
