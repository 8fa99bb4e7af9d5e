//! Activations and gates, four elements at a time: tables are gathered.

use crate::nonlinear::DECAY_FRAC;
use crate::scalar::activation::PER_SIXTEENTH;
use crate::tables::{EXP2_Q30, SIGMOID_Q31, SOFTPLUS_Q27};
use core::arch::naked_asm;

/// q3 = the falling table (r4; r5 is its second entry) at |q1|, an unsigned Q16; r6 is 16 in Q16.
/// Lanes from there on gather zeros. Clobbers q1, q2, q4.
macro_rules! falling {
    () => {
        "
        vshr.u32 q2, q1, #11
        vptt.u32 cs, q6, q1
        vldrwt.u32 q3, [r4, q2, uxtw #2]
        vldrwt.u32 q4, [r5, q2, uxtw #2]
        vshl.i32 q1, q1, #21
        vsub.i32 q4, q3, q4
        vmulh.u32 q4, q4, q1
        vsub.i32 q3, q3, q4
        "
    };
}

/// q3 = σ(q0) in Q31; q7 is 2^31 - 1, r12 is 1. Clobbers what [`falling`] does.
macro_rules! sigmoid {
    () => {
        concat!(
            "vabs.s32 q1, q0\n",
            falling!(),
            "
            vptt.s32 ge, q0, zr
            vsubt.i32 q3, q7, q3
            vqaddt.s32 q3, q3, r12
            "
        )
    };
}

/// What [`sigmoid`] needs: the table, the last argument below 16 in q6, 2^31 - 1 in q7.
macro_rules! sigmoid_constants {
    () => {
        "
        add r5, r4, #4
        movw r6, #0xffff
        movt r6, #0xf
        vdup.32 q6, r6
        vmvn.i32 q7, #0x80000000
        mov r12, #1
        "
    };
}

/// What [`gated`] works on, at the offsets that it reads.
#[repr(C)]
struct Gated {
    /// σ's table.
    table: *const u32,
    /// Shift of the gate.
    g_up: i32,
    /// Shift of what is gated.
    x_up: i32,
}
offsets!(Gated, table: 0, g_up: 4, x_up: 8);

/// [`crate::scalar::activation::silu_product`].
pub fn silu_product(g: &mut [i32], x: &[i32], g_up: i32, x_up: i32) {
    if g_up > 31 || x_up > 31 {
        return crate::scalar::activation::silu_product(g, x, g_up, x_up);
    }
    let arguments = Gated {
        table: SIGMOID_Q31.as_ptr(),
        g_up: g_up.max(-31),
        x_up: x_up.max(-31),
    };
    // SAFETY: both slices have as many elements as the shorter one.
    unsafe { gated(g.as_mut_ptr(), x.as_ptr(), g.len().min(x.len()), &arguments) }
}

/// `g ← mulhr(silu(g)·2^g_up, x·2^x_up)`.
///
/// # Safety
/// `g` and `x` have `len` elements.
#[unsafe(naked)]
unsafe extern "C" fn gated(g: *mut i32, x: *const i32, len: usize, arguments: &Gated) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r8, lr}}",
        "vpush {{d8-d15}}",
        "ldrd r4, r7, [r3]",
        "ldr r8, [r3, #8]",
        sigmoid_constants!(),
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrw.u32 q0, [r0]",
        sigmoid!(),
        "vrmulh.s32 q0, q0, q3",
        "vldrw.u32 q1, [r1], #16",
        "vshl.s32 q0, r7",
        "vshl.s32 q1, r8",
        "vrmulh.s32 q0, q0, q1",
        "vstrw.32 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d15}}",
        "pop {{r4-r8, pc}}",
    )
}

/// [`crate::scalar::activation::sigmoid_product`].
pub fn sigmoid_product(g: &mut [i32], x: &[i32]) {
    let len = g.len().min(x.len());
    // SAFETY: both slices have `len` elements.
    unsafe { sigmoid_gated(g.as_mut_ptr(), x.as_ptr(), len, SIGMOID_Q31.as_ptr()) }
}

/// `g ← mulhr(σ(g), x)`.
///
/// # Safety
/// `g` and `x` have `len` elements, `table` is σ's.
#[unsafe(naked)]
unsafe extern "C" fn sigmoid_gated(g: *mut i32, x: *const i32, len: usize, table: *const u32) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r8, lr}}",
        "vpush {{d8-d15}}",
        "mov r4, r3",
        sigmoid_constants!(),
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrw.u32 q0, [r0]",
        sigmoid!(),
        "vldrw.u32 q1, [r1], #16",
        "vrmulh.s32 q0, q1, q3",
        "vstrw.32 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d15}}",
        "pop {{r4-r8, pc}}",
    )
}

/// [`crate::scalar::activation::silu_in_place`].
pub fn silu_in_place(x: &mut [i32]) {
    // SAFETY: the slice has its length.
    unsafe { silu_words(x.as_mut_ptr(), x.len(), SIGMOID_Q31.as_ptr()) }
}

/// `x ← silu(x)`.
///
/// # Safety
/// `x` has `len` elements, `table` is σ's.
#[unsafe(naked)]
unsafe extern "C" fn silu_words(x: *mut i32, len: usize, table: *const u32) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r8, lr}}",
        "vpush {{d8-d15}}",
        "mov r4, r2",
        sigmoid_constants!(),
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0]",
        sigmoid!(),
        "vrmulh.s32 q0, q0, q3",
        "vstrw.32 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d15}}",
        "pop {{r4-r8, pc}}",
    )
}

/// What [`channels`] works on, at the offsets that it reads.
#[repr(C)]
struct Channels {
    /// Gate pre-activations.
    z: *const i32,
    /// Carries.
    carry: *mut u32,
    /// Whole bits.
    bits: *mut u32,
    /// Key channels.
    k: *mut i32,
    /// Query channels.
    q: *mut i32,
    /// Elements of each.
    len: usize,
    /// Softplus' table.
    softplus: *const u32,
    /// Exp2's table.
    exp2: *const u32,
    /// The mantissa of 1/(16·ln 2), whose exponent is -34.
    mantissa: i32,
    /// The largest decay.
    decay_max: u32,
}
offsets!(
    Channels, z: 0, carry: 4, bits: 8, k: 12, q: 16, len: 20, softplus: 24, exp2: 28, mantissa: 32,
    decay_max: 36
);

const _: () = assert!(PER_SIXTEENTH.exponent() == -34 && DECAY_FRAC == 27);

/// [`crate::scalar::activation::gla_channels`].
pub fn gla_channels(
    z: &[i32],
    decay_max: u32,
    carry: &mut [u32],
    bits: &mut [u32],
    k: &mut [i32],
    q: &mut [i32],
) {
    let len = z
        .len()
        .min(carry.len())
        .min(bits.len())
        .min(k.len())
        .min(q.len());
    let arguments = Channels {
        z: z.as_ptr(),
        carry: carry.as_mut_ptr(),
        bits: bits.as_mut_ptr(),
        k: k.as_mut_ptr(),
        q: q.as_mut_ptr(),
        len,
        softplus: SOFTPLUS_Q27.as_ptr(),
        exp2: EXP2_Q30.as_ptr(),
        mantissa: PER_SIXTEENTH.mantissa(),
        decay_max,
    };
    // SAFETY: all slices have `len` elements, and carries are below 2^27 once a decay was added to
    // them.
    unsafe { channels(&arguments) }
}

/// q4 = exp2(q1) in Q30 for q1 ≤ 2^27 in Q27; r6 is exp2's table, r7 its second entry. Clobbers q1,
/// q2, q3.
macro_rules! exp2 {
    () => {
        "
        vshr.u32 q2, q1, #19
        vldrw.u32 q3, [r6, q2, uxtw #2]
        vldrw.u32 q4, [r7, q2, uxtw #2]
        vshl.i32 q1, q1, #13
        vsub.i32 q4, q4, q3
        vmulh.u32 q4, q4, q1
        vadd.i32 q4, q4, q3
        "
    };
}

/// All channels. Registers: r0 z, r1 carries, r2 bits, r3 keys, r8 queries, r4-r7 tables, r9 and q5
/// the mantissa, q6 the last argument below 16, q7 the largest decay.
///
/// # Safety
/// The fields of `Channels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn channels(arguments: &Channels) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldrd r4, r6, [r0, #24]",
        "ldrd r9, r10, [r0, #32]",
        "ldrd r8, r11, [r0, #16]",
        "ldrd r2, r3, [r0, #8]",
        "ldrd r0, r1, [r0]",
        "movw r5, #0xffff",
        "movt r5, #0xf",
        "vdup.32 q6, r5",
        "vdup.32 q5, r9",
        "vdup.32 q7, r10",
        "adds r5, r4, #4",
        "adds r7, r6, #4",
        "wlstp.32 lr, r11, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vqneg.s32 q0, q0",
        "vabs.s32 q1, q0",
        falling!(),
        // times(rest, 0): ⌊(rest·m + 2^33) / 2^34⌋.
        "vmulh.u32 q3, q3, q5",
        "vrshr.u32 q3, q3, #2",
        // times(linear, 11): ⌊(linear·m + 2^22) / 2^23⌋, saturated.
        "vmov.i32 q1, #0",
        "vmax.s32 q0, q0, q1",
        "vmulh.u32 q1, q0, q5",
        "vmul.i32 q0, q0, r9",
        "vqshl.u32 q1, q1, #9",
        "vrshr.u32 q0, q0, #23",
        "vqadd.u32 q0, q0, q1",
        "vqadd.u32 q0, q0, q3",
        "vmin.u32 q0, q0, q7",
        // The carry.
        "vldrw.u32 q1, [r1]",
        "vqadd.u32 q0, q0, q1",
        "vshr.u32 q1, q0, #27",
        "vbic.i32 q0, #0xf8000000",
        "vstrw.32 q1, [r2], #16",
        "vstrw.32 q0, [r1], #16",
        "vmov q1, q0",
        exp2!(),
        "vldrw.u32 q1, [r3]",
        "vrmulh.s32 q1, q1, q4",
        "vstrw.32 q1, [r3], #16",
        // 2^(1-x), at most 2^31 - 1 in Q31.
        "vmov.i32 q1, #0x8000000",
        "vsub.i32 q1, q1, q0",
        exp2!(),
        "vmvn.i32 q0, #0x80000000",
        "vmin.u32 q4, q4, q0",
        "vldrw.u32 q1, [r8]",
        "vrmulh.s32 q1, q1, q4",
        "vstrw.32 q1, [r8], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}
