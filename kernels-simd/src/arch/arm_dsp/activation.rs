//! Activations on Armv7E-M and Armv8-M with the DSP extension.
use crate::tables::SIGMOID_Q31;
use core::arch::naked_asm;

/// What [`gated`] reads, at these offsets.
#[repr(C)]
struct Gated {
    /// Shift of the gate, 0 to 31.
    g_up: u32,
    /// Shift of what is gated, 0 to 31.
    x_up: u32,
    /// σ's table.
    table: *const u32,
}
offsets!(Gated, g_up: 0, x_up: 4, table: 8);

/// [`crate::scalar::activation::silu_product`].
pub fn silu_product(g: &mut [i32], x: &[i32], g_up: i32, x_up: i32) {
    if !(0..32).contains(&g_up) || !(0..32).contains(&x_up) {
        return crate::scalar::activation::silu_product(g, x, g_up, x_up);
    }
    let len = g.len().min(x.len());
    let arguments = Gated {
        g_up: g_up.unsigned_abs(),
        x_up: x_up.unsigned_abs(),
        table: SIGMOID_Q31.as_ptr(),
    };
    if len > 0 {
        // SAFETY: both slices have `len` elements, above 0.
        unsafe { gated(g.as_mut_ptr(), x.as_ptr(), len, &arguments) }
    }
}

/// `g ← mulhr(silu(g) << g_up, x << x_up)`. Registers: r4 argument, r5 its size, r6/r7 table
/// entries, then σ in r6.
///
/// # Safety
/// `g` and `x` have `len` elements, above 0.
#[unsafe(naked)]
unsafe extern "C" fn gated(g: *mut i32, x: *const i32, len: usize, arguments: &Gated) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldrd r10, r11, [r3]",
        "ldr r12, [r3, #8]",
        "2:",
        "ldr r4, [r0]",
        "ldr r9, [r1], #4",
        "eor r5, r4, r4, asr #31",
        "add r5, r5, r4, lsr #31",
        "lsl r9, r9, r11",
        "cmp r5, #0x100000",
        "bhs 4f",
        "lsr r7, r5, #11",
        "add r7, r12, r7, lsl #2",
        "ldrd r6, r7, [r7]",
        "lsl r5, r5, #21",
        "subs r7, r6, r7",
        "umull r3, r7, r7, r5",
        "subs r6, r6, r7",
        // Below 16 the table is above 0, so that 2^31 less it fits.
        "cmp r4, #0",
        "it ge",
        "rsbge r6, r6, #0x80000000",
        "3:",
        "smmulr r4, r4, r6",
        "lsl r4, r4, r10",
        "smmulr r4, r4, r9",
        "str r4, [r0], #4",
        "subs r2, #1",
        "bne 2b",
        "pop {{r4-r11, pc}}",
        // From 16 on σ is 0 or 2^31 - 1.
        "4:",
        "mvn r6, r4",
        "asr r6, r6, #31",
        "bic r6, r6, #0x80000000",
        "b 3b",
    )
}
