//! The table of kernels: one line each, from which its type, the oracle's table, and a function of
//! the same name come. A backend's table is the oracle's but for what the backend has of its own.

use crate::arch::KERNELS as TARGET;
use crate::real::Apply;
use crate::scalar::{activation, matrix, matrix_i4, matrix_pair, state, state16, vector};
use crate::scalar::{matrix::I8Matrix, matrix_i4::I4Matrix};

/// Writes [`Kernels`], [`ORACLE`], [`NAMES`] and the functions.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident = $oracle:path,
        ($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// What a backend runs.
        pub(crate) struct Kernels {
            /// The name of what is used.
            pub name: fn() -> &'static str,
            /// Whether the processor has what the kernels need.
            pub available: fn() -> bool,
            $(
                /// Safety: the processor has what the kernels need.
                pub $name: unsafe fn($($argument: $type),*) $(-> $result)?,
            )*
        }

        /// The oracle, which every processor can run.
        pub(crate) const ORACLE: Kernels = Kernels {
            name: || "scalar",
            available: || true,
            $($name: $oracle,)*
        };

        /// The names of all kernels.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            $(#[$doc])*
            #[doc = concat!("\n\nThe definition: [`", stringify!($oracle), "`].")]
            #[inline]
            pub fn $name($($argument: $type),*) $(-> $result)? {
                #[expect(unsafe_code, reason = "a call behind the test that it needs")]
                // SAFETY: the processor was just found to have what the target's kernels need; the
                // oracle's are safe.
                unsafe {
                    match has_target() {
                        true => (const { TARGET.$name })($($argument),*),
                        false => (const { ORACLE.$name })($($argument),*),
                    }
                }
            }
        )*
    };
}

kernels! {
    /// int8 matrix times vector with requantisation.
    matvec_i8 = matrix::matvec_i8, (w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]);
    /// int4 matrix times vector with requantisation.
    matvec_i4 = matrix_i4::matvec_i4, (w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]);
    /// Puts vector `lane` (0 or 1) into `pair`, the input of [`matvec_i8_pair`]: as long as two
    /// vectors, whose order in it is the backend's own.
    join = matrix_pair::join, (x: &[i16], lane: usize, pair: &mut [i16]);
    /// [`matvec_i8`] of two vectors that were [`join`]ed; `pair` has 2·padded cols elements.
    matvec_i8_pair = matrix_pair::matvec_i8_pair,
        (w: &I8Matrix, pair: &[i16], multiplier: &[i32], out: [&mut [i32]; 2]);

    /// Decays of a GLA head's channels.
    gla_channels = activation::gla_channels,
        (z: &[i32], decay_max: u32, carry: &mut [u32], bits: &mut [u32], k: &mut [i32], q: &mut [i32]);
    /// Product with a sigmoid.
    sigmoid_product = activation::sigmoid_product, (g: &mut [i32], x: &[i32]);
    /// SiLU.
    silu_in_place = activation::silu_in_place, (x: &mut [i32]);
    /// Product with a SiLU.
    silu_product = activation::silu_product, (g: &mut [i32], x: &[i32], g_up: i32, x_up: i32);

    /// Reads a state.
    state_read = state::state_read, (s: &[i32], k: &[i32], r: &mut [i32]);
    /// Moves a state to another scale.
    state_shift = state::state_shift, (s: &mut [i32], n: i32);
    /// Decays, writes and reads a state.
    state_write_read = state::state_write_read,
        (s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], o: &mut [i32]) -> u32;

    /// Reads an int16 state.
    state16_read = state16::state16_read, (s: &[i32], k: &[i32], r: &mut [i32]);
    /// Moves an int16 state to a finer scale.
    state16_shift_up = state16::state16_shift_up, (s: &mut [i32], n: u32);
    /// Decays, writes and reads an int16 state.
    state16_write_read = state16::state16_write_read,
        (s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], dither: u32, o: &mut [i32])
        -> u32;

    /// Sum of two vectors, saturated.
    add_saturating = vector::add_saturating, (x: &mut [i32], y: &[i32]);
    /// Product with a [`crate::Real`].
    apply = vector::apply, (a: Apply, x: &[i32], out: &mut [i32]);
    /// Product with a [`crate::Real`] to int16.
    apply_i16 = vector::apply_i16, (a: Apply, x: &[i32], out: &mut [i16]);
    /// Product with a [`crate::Real`] in place.
    apply_in_place = vector::apply_in_place, (a: Apply, x: &mut [i32]);
    /// Magnitude mask.
    magnitude = vector::magnitude, (x: &[i32]) -> u32;
    /// Shift to int16.
    shift_i16 = vector::shift_i16, (x: &[i32], n: i32, out: &mut [i16]);
    /// Shift in place.
    shift_in_place = vector::shift_in_place, (x: &mut [i32], n: i32);
    /// Shift.
    shift_into = vector::shift_into, (x: &[i32], n: i32, out: &mut [i32]);
    /// Sum of magnitudes.
    sum_magnitudes = vector::sum_magnitudes, (x: &[i32]) -> u64;
    /// Sum of squares.
    sum_squares = vector::sum_squares, (x: &[i32], mask: u32) -> u64;
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

/// Whether the target's backend is used; else the oracle is.
#[inline]
fn has_target() -> bool {
    #[cfg(feature = "std")]
    if SCALAR.get() {
        return false;
    }
    (const { TARGET.available })()
}

/// The backend in use: `"scalar"` or the name of an instruction set.
#[must_use]
pub fn backend() -> &'static str {
    match has_target() {
        true => (TARGET.name)(),
        false => (ORACLE.name)(),
    }
}
