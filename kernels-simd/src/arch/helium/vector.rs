//! Whole vectors, four elements at a time; the last ones under a tail predicate.

use crate::fixed;
use crate::real::Apply;
use core::arch::naked_asm;

/// Shifts go by the low byte of a register: from here on nothing is left, or all is saturated.
const FAR: i32 = 40;

fn near(n: i32) -> i32 {
    n.clamp(-FAR, FAR)
}

/// A function `(x, out, len, with)` that runs `$each` on vectors q0 of `x`; `$first` may use r3
/// (`with`), r4, r12, q1-q3.
macro_rules! map {
    ($(#[$doc:meta])* $name:ident($with:ty) -> $out:ty, $first:literal, $each:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `x` and `out` have `len` elements; they may be the same.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(x: *const i32, out: *mut $out, len: usize, with: $with) {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r4, lr}}",
                $first,
                "wlstp.32 lr, r2, 3f",
                "2:",
                "vldrw.u32 q0, [r0], #16",
                $each,
                "letp lr, 2b",
                "3:",
                "pop {{r4, pc}}",
            )
        }
    };
}

map!(
    /// `x·2^n` modulo 2^32 or rounded, n in ±[`FAR`].
    shift_words(i32) -> i32,
    "",
    "vrshl.s32 q0, r3\nvstrw.32 q0, [r1], #16"
);
map!(
    /// The same, saturated.
    shift_saturated(i32) -> i32,
    "",
    "vqrshl.s32 q0, r3\nvstrw.32 q0, [r1], #16"
);
map!(
    /// The same, saturated to int16.
    shift_halves(i32) -> i16,
    "",
    "vqrshl.s32 q0, r3\nvqmovnb.s32 q0, q0\nvstrh.32 q0, [r1], #8"
);
map!(
    /// Up, times the mantissa, and the final shift.
    apply_words(&[i32; 3]) -> i32,
    "ldrd r4, r12, [r3]\nldr r3, [r3, #8]\nvdup.32 q1, r12",
    "vqrshl.s32 q0, r4\nvrmulh.s32 q0, q0, q1\nvqrshl.s32 q0, r3\nvstrw.32 q0, [r1], #16"
);
map!(
    /// The same, saturated to int16.
    apply_halves(&[i32; 3]) -> i16,
    "ldrd r4, r12, [r3]\nldr r3, [r3, #8]\nvdup.32 q1, r12",
    "vqrshl.s32 q0, r4\nvrmulh.s32 q0, q0, q1\nvqrshl.s32 q0, r3\nvqmovnb.s32 q0, q0\nvstrh.32 q0, [r1], #8"
);
map!(
    /// Adds the vector at `with`, of `len` elements, and saturates.
    add_words(*const i32) -> i32,
    "",
    "vldrw.u32 q1, [r3], #16\nvqadd.s32 q0, q0, q1\nvstrw.32 q0, [r1], #16"
);

fn arguments(a: Apply) -> [i32; 3] {
    [near(a.up), a.mantissa, near(a.post)]
}

/// [`crate::scalar::vector::apply`].
pub fn apply(a: Apply, x: &[i32], out: &mut [i32]) {
    let len = x.len().min(out.len());
    // SAFETY: both slices have `len` elements.
    unsafe { apply_words(x.as_ptr(), out.as_mut_ptr(), len, &arguments(a)) }
}

/// [`crate::scalar::vector::apply_in_place`].
pub fn apply_in_place(a: Apply, x: &mut [i32]) {
    let at = x.as_mut_ptr();
    // SAFETY: the slice has its length.
    unsafe { apply_words(at, at, x.len(), &arguments(a)) }
}

/// [`crate::scalar::vector::apply_i16`].
pub fn apply_i16(a: Apply, x: &[i32], out: &mut [i16]) {
    let len = x.len().min(out.len());
    // SAFETY: both slices have `len` elements.
    unsafe { apply_halves(x.as_ptr(), out.as_mut_ptr(), len, &arguments(a)) }
}

/// [`crate::scalar::vector::shift_i16`].
pub fn shift_i16(x: &[i32], n: i32, out: &mut [i16]) {
    let len = x.len().min(out.len());
    // SAFETY: both slices have `len` elements.
    unsafe { shift_halves(x.as_ptr(), out.as_mut_ptr(), len, near(n)) }
}

/// [`crate::scalar::vector::shift_into`].
pub fn shift_into(x: &[i32], n: i32, out: &mut [i32]) {
    let len = x.len().min(out.len());
    // SAFETY: both slices have `len` elements.
    unsafe { shift_words(x.as_ptr(), out.as_mut_ptr(), len, near(n).min(31)) }
}

/// [`crate::scalar::vector::shift_in_place`].
pub fn shift_in_place(x: &mut [i32], n: i32) {
    if n != 0 {
        let at = x.as_mut_ptr();
        // SAFETY: the slice has its length.
        unsafe { shift_saturated(at, at, x.len(), near(n)) }
    }
}

/// [`crate::scalar::state::state_shift`].
pub fn state_shift(s: &mut [i32], n: i32) {
    let at = s.as_mut_ptr();
    // SAFETY: the slice has its length.
    unsafe { shift_words(at, at, s.len(), near(n).min(31)) }
}

/// [`crate::scalar::vector::add_saturating`].
pub fn add_saturating(x: &mut [i32], y: &[i32]) {
    let (at, len) = (x.as_mut_ptr(), x.len().min(y.len()));
    // SAFETY: both slices have `len` elements.
    unsafe { add_words(at, at, len, y.as_ptr()) }
}

/// [`crate::scalar::vector::magnitude`].
pub fn magnitude(x: &[i32]) -> u32 {
    // SAFETY: the slice has its length.
    fixed::ones(unsafe { extremes(x.as_ptr(), x.len()) })
}

/// max(x, 0) OR -1 - min(x, -1).
///
/// # Safety
/// `x` has `len` elements.
#[unsafe(naked)]
unsafe extern "C" fn extremes(x: *const i32, len: usize) -> u32 {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        "movs r2, #0",
        "mvns r3, r2",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vmaxv.s32 r2, q0",
        "vminv.s32 r3, q0",
        "letp lr, 2b",
        "3:",
        "orn r0, r2, r3",
        "pop {{r4, pc}}",
    )
}

/// [`crate::scalar::vector::sum_squares`].
pub fn sum_squares(x: &[i32], mask: u32) -> u64 {
    // SAFETY: the slice has its length.
    unsafe { squares(x.as_ptr(), x.len(), 24 - fixed::bit_len(mask)) }
}

/// Σ⌊x·2^up⌋².
///
/// # Safety
/// `x` has `len` elements.
#[unsafe(naked)]
unsafe extern "C" fn squares(x: *const i32, len: usize, up: i32) -> u64 {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        "mov r12, r2",
        "movs r2, #0",
        "movs r3, #0",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vshl.s32 q0, r12",
        "vmlaldava.s32 r2, r3, q0, q0",
        "letp lr, 2b",
        "3:",
        "mov r0, r2",
        "mov r1, r3",
        "pop {{r4, pc}}",
    )
}

/// [`crate::scalar::vector::sum_magnitudes`].
pub fn sum_magnitudes(x: &[i32]) -> u64 {
    // SAFETY: the slice has its length.
    unsafe { magnitudes(x.as_ptr(), x.len()) }
}

/// Σ|x|.
///
/// # Safety
/// `x` has `len` elements.
#[unsafe(naked)]
unsafe extern "C" fn magnitudes(x: *const i32, len: usize) -> u64 {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        "movs r2, #0",
        "movs r3, #0",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vabs.s32 q0, q0",
        "vaddlva.u32 r2, r3, q0",
        "letp lr, 2b",
        "3:",
        "mov r0, r2",
        "mov r1, r3",
        "pop {{r4, pc}}",
    )
}
