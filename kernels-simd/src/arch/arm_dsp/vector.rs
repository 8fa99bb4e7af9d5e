//! Whole vectors on Armv7E-M and Armv8-M with the DSP extension, four elements at a time.
use crate::fixed;
use crate::real::Apply;
use crate::scalar::vector as scalar;
use core::arch::naked_asm;

/// A function that runs `$body` on four elements of r0 in r4-r7, then `$store`; on a single one in
/// r4, then `$store_one`, for the last three. r2 is the number of elements; `$first` and `$last`
/// frame the loops.
macro_rules! each {
    (
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?,
        [$($first:literal),*], $body:ident, [$($store:literal),*], [$($store_one:literal),*], [$($last:literal),*]
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Every slice has `len` elements.
        #[unsafe(naked)]
        unsafe extern "C" fn $name($($arg: $type),*) $(-> $result)? {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                $($first,)*
                "subs r2, #4",
                "blo 3f",
                "2:",
                "ldmia r0!, {{r4-r7}}",
                $body!("r4", "r8"),
                $body!("r5", "r9"),
                $body!("r6", "r10"),
                $body!("r7", "r11"),
                $($store,)*
                "subs r2, #4",
                "bhs 2b",
                "3:",
                "adds r2, #4",
                "beq 5f",
                "4:",
                "ldr r4, [r0], #4",
                $body!("r4", "r8"),
                $($store_one,)*
                "subs r2, #1",
                "bne 4b",
                "5:",
                $($last,)*
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// Rounding shift: the bit that is shifted out last is the carry. r3 is 1 to 33.
macro_rules! round {
    ($x:literal, $t:literal) => {
        concat!("asrs ", $x, ", ", $x, ", r3\nadc ", $x, ", ", $x, ", #0\n")
    };
}
macro_rules! round_halves {
    ($x:literal, $t:literal) => {
        concat!(round!($x, $t), "ssat ", $x, ", #16, ", $x, "\n")
    };
}
macro_rules! left {
    ($x:literal, $t:literal) => {
        concat!("lsl ", $x, ", ", $x, ", r3\n")
    };
}
/// r3 up, r12 mantissa, lr half of 2^r8, r8 the final shift; so that the temporary is never r8.
macro_rules! scale {
    ($x:literal, $t:literal) => {
        concat!(
            "lsl ",
            $x,
            ", ",
            $x,
            ", r3\nsmmulr ",
            $x,
            ", ",
            $x,
            ", r12\nadd ",
            $x,
            ", ",
            $x,
            ", lr\nasr ",
            $x,
            ", ",
            $x,
            ", r8\n"
        )
    };
}
macro_rules! scale_halves {
    ($x:literal, $t:literal) => {
        concat!(scale!($x, $t), "ssat ", $x, ", #16, ", $x, "\n")
    };
}
macro_rules! add {
    ($x:literal, $t:literal) => {
        concat!(
            "ldr ",
            $t,
            ", [r3], #4\nqadd ",
            $x,
            ", ",
            $x,
            ", ",
            $t,
            "\n"
        )
    };
}
macro_rules! measure {
    ($x:literal, $t:literal) => {
        concat!(
            "eor ",
            $x,
            ", ",
            $x,
            ", ",
            $x,
            ", asr #31\norr r12, r12, ",
            $x,
            "\n"
        )
    };
}
macro_rules! square_left {
    ($x:literal, $t:literal) => {
        concat!(
            "lsl ",
            $x,
            ", ",
            $x,
            ", r3\nsmlal r12, lr, ",
            $x,
            ", ",
            $x,
            "\n"
        )
    };
}
macro_rules! square_right {
    ($x:literal, $t:literal) => {
        concat!(
            "asr ",
            $x,
            ", ",
            $x,
            ", r3\nsmlal r12, lr, ",
            $x,
            ", ",
            $x,
            "\n"
        )
    };
}
macro_rules! sum {
    ($x:literal, $t:literal) => {
        concat!(
            "eor ",
            $t,
            ", ",
            $x,
            ", ",
            $x,
            ", asr #31\nadd ",
            $t,
            ", ",
            $t,
            ", ",
            $x,
            ", lsr #31\nadds r12, r12, ",
            $t,
            "\nadc lr, lr, #0\n"
        )
    };
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident($with:ty), [$($first:literal),*], $body:ident) => {
        each!(
            $(#[$doc])*
            fn $name(x: *const i32, out: *mut i32, len: usize, with: $with),
            [$($first),*], $body, ["stmia r1!, {{r4-r7}}"], ["str r4, [r1], #4"], []
        );
    };
}
macro_rules! halves {
    ($(#[$doc:meta])* $name:ident($with:ty), [$($first:literal),*], $body:ident) => {
        each!(
            $(#[$doc])*
            fn $name(x: *const i32, out: *mut i16, len: usize, with: $with),
            [$($first),*], $body,
            ["pkhbt r4, r4, r5, lsl #16", "pkhbt r6, r6, r7, lsl #16", "str r4, [r1], #4", "str r6, [r1], #4"],
            ["strh r4, [r1], #2"], []
        );
    };
}

words!(
    /// `round_shr(x, with)`, 1 to 33 bits.
    round_words(u32), [], round
);
words!(
    /// `x << with`, 0 to 31 bits.
    left_words(u32), [], left
);
halves!(
    /// [`round_words`] saturated to int16.
    round_to_halves(u32), [], round_halves
);
words!(
    /// `round_shr(mulhr(x << up, mantissa), down)`.
    scale_words(&Scale), ["ldrd r4, r12, [r3]", "ldrd lr, r8, [r3, #8]", "mov r3, r4"], scale
);
halves!(
    /// [`scale_words`] saturated to int16.
    scale_to_halves(&Scale), ["ldrd r4, r12, [r3]", "ldrd lr, r8, [r3, #8]", "mov r3, r4"], scale_halves
);
words!(
    /// Saturated sum of `x` and `with`.
    add_words(*const i32), [], add
);
each!(
    /// The OR of x ^ (x >> 31).
    fn mask_of(x: *const i32, _unused: u32, len: usize) -> u32,
    ["mov r12, #0"], measure, [], [], ["mov r0, r12"]
);
each!(
    /// Σ(x << with)².
    fn squares_left(x: *const i32, _unused: u32, len: usize, with: u32) -> u64,
    ["mov r12, #0", "mov lr, #0"], square_left, [], [], ["mov r0, r12", "mov r1, lr"]
);
each!(
    /// Σ(x >> with)².
    fn squares_right(x: *const i32, _unused: u32, len: usize, with: u32) -> u64,
    ["mov r12, #0", "mov lr, #0"], square_right, [], [], ["mov r0, r12", "mov r1, lr"]
);
each!(
    /// Σ|x|.
    fn magnitudes(x: *const i32, _unused: u32, len: usize) -> u64,
    ["mov r12, #0", "mov lr, #0"], sum, [], [], ["mov r0, r12", "mov r1, lr"]
);

/// An [`Apply`] in its usual form.
#[repr(C)]
struct Scale {
    /// Left-alignment, 0 to 30.
    up: i32,
    /// Mantissa.
    mantissa: i32,
    /// Half of 2^down, 0 for 0.
    half: i32,
    /// Final shift, 0 to 30.
    down: i32,
}
offsets!(Scale, up: 0, mantissa: 4, half: 8, down: 12);

impl Scale {
    fn of(a: Apply) -> Option<Scale> {
        let usual = (0..=30).contains(&a.up) && (-30..=0).contains(&a.post);
        usual.then(|| Scale {
            up: a.up,
            mantissa: a.mantissa,
            half: (1 << -a.post) >> 1,
            down: -a.post,
        })
    }
}

/// [`scalar::apply`].
pub fn apply(a: Apply, x: &[i32], out: &mut [i32]) {
    match Scale::of(a) {
        // SAFETY: both slices have as many elements as the shorter one.
        Some(scale) => unsafe {
            scale_words(x.as_ptr(), out.as_mut_ptr(), x.len().min(out.len()), &scale)
        },
        None => scalar::apply(a, x, out),
    }
}

/// [`scalar::apply_in_place`].
pub fn apply_in_place(a: Apply, x: &mut [i32]) {
    let at = x.as_mut_ptr();
    match Scale::of(a) {
        // SAFETY: the slice has its length.
        Some(scale) => unsafe { scale_words(at, at, x.len(), &scale) },
        None => scalar::apply_in_place(a, x),
    }
}

/// [`scalar::apply_i16`].
pub fn apply_i16(a: Apply, x: &[i32], out: &mut [i16]) {
    match Scale::of(a) {
        // SAFETY: both slices have as many elements as the shorter one.
        Some(scale) => unsafe {
            scale_to_halves(x.as_ptr(), out.as_mut_ptr(), x.len().min(out.len()), &scale)
        },
        None => scalar::apply_i16(a, x, out),
    }
}

/// [`scalar::shift_i16`].
pub fn shift_i16(x: &[i32], n: i32, out: &mut [i16]) {
    if n >= 0 {
        return scalar::shift_i16(x, n, out);
    }
    let (len, down) = (x.len().min(out.len()), n.unsigned_abs().min(33));
    // SAFETY: both slices have `len` elements.
    unsafe { round_to_halves(x.as_ptr(), out.as_mut_ptr(), len, down) }
}

/// [`scalar::shift_into`].
pub fn shift_into(x: &[i32], n: i32, out: &mut [i32]) {
    let (from, len, bits) = (x.as_ptr(), x.len().min(out.len()), n.unsigned_abs());
    let out = out.as_mut_ptr();
    // SAFETY: both slices have `len` elements.
    unsafe {
        match n {
            ..0 => round_words(from, out, len, bits.min(33)),
            _ => left_words(from, out, len, bits.min(31)),
        }
    }
}

/// [`scalar::shift_in_place`].
pub fn shift_in_place(x: &mut [i32], n: i32) {
    if n >= 0 {
        return scalar::shift_in_place(x, n);
    }
    let at = x.as_mut_ptr();
    // SAFETY: the slice has its length.
    unsafe { round_words(at, at, x.len(), n.unsigned_abs().min(33)) }
}

/// [`scalar::add_saturating`].
pub fn add_saturating(x: &mut [i32], y: &[i32]) {
    let (at, len) = (x.as_mut_ptr(), x.len().min(y.len()));
    // SAFETY: both slices have `len` elements.
    unsafe { add_words(at, at, len, y.as_ptr()) }
}

/// [`scalar::magnitude`].
pub fn magnitude(x: &[i32]) -> u32 {
    // SAFETY: the slice has its length.
    fixed::ones(unsafe { mask_of(x.as_ptr(), 0, x.len()) })
}

/// [`scalar::sum_squares`].
pub fn sum_squares(x: &[i32], mask: u32) -> u64 {
    let up = 24 - fixed::bit_len(mask);
    let (at, len, bits) = (x.as_ptr(), x.len(), up.unsigned_abs());
    // SAFETY: the slice has its length.
    unsafe {
        if up < 0 {
            squares_right(at, 0, len, bits)
        } else {
            squares_left(at, 0, len, bits)
        }
    }
}

/// [`scalar::sum_magnitudes`].
pub fn sum_magnitudes(x: &[i32]) -> u64 {
    // SAFETY: the slice has its length.
    unsafe { magnitudes(x.as_ptr(), 0, x.len()) }
}
