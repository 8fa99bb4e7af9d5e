//! RV32 with the M extension. The only kernel here is the one that the compiler does not find: it
//! extends a low byte by two shifts where a second load is one instruction.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use super::panels::{Panels, run};
use crate::kernels::{Kernels, ORACLE};
use crate::scalar::matrix::I8Matrix;
use core::arch::naked_asm;

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "rv32m",
    matvec_i8,
    ..ORACLE
};

/// [`crate::scalar::matrix::matvec_i8`] for RV32: 211 instructions for 64 products.
fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let _ = run(w, x, multiplier, out, panels);
}

/// One column of both pairs, at these bytes of the activations and of the two runs: 13 instructions
/// for 4 products.
macro_rules! column {
    ($x:literal, $first:literal, $second:literal) => {
        concat!(
            "lh t1, ",
            $x,
            "(a1)\nlh t2, ",
            $first,
            "(a0)\nlb t3, ",
            $first,
            "(a0)\nlh t4, ",
            $second,
            "(a0)\nlb t5, ",
            $second,
            "(a0)\nmul t2, t2, t1\nmul t3, t3, t1\nmul t4, t4, t1\nmul t5, t5, t1\n",
            "add a3, a3, t2\nadd a4, a4, t3\nadd a5, a5, t4\nadd a6, a6, t5\n"
        )
    };
}

/// `result ← mulhr(sum, multiplier)` of the row at these bytes.
macro_rules! requantize {
    ($sum:literal, $row:literal) => {
        concat!(
            "lw t1, ",
            $row,
            "(s3)\nmul t2, ",
            $sum,
            ", t1\nmulh t1, ",
            $sum,
            ", t1\nsrli t2, t2, 31\n",
            "add t1, t1, t2\nsw t1, ",
            $row,
            "(s4)\n"
        )
    };
}

/// Runs over all panels. Registers: a0 weights, a1 activations, a2 end of the block, a3/a4 and
/// a5/a6 the sums Σh·x and Σ(low byte)·x of the two pairs, a7 and t0 totals of the odd rows, s0
/// start and s1 end of the activations, s2 bytes of a block, s3 multipliers, s4 results, s5 end of
/// the results.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Panels) {
    naked_asm!(
        // Naked functions are assembled without the target's extensions.
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -32",
        "sw s0, 0(sp)",
        "sw s1, 4(sp)",
        "sw s2, 8(sp)",
        "sw s3, 12(sp)",
        "sw s4, 16(sp)",
        "sw s5, 20(sp)",
        "lw s0, 4(a0)",
        "lw s1, 8(a0)",
        "lw s2, 12(a0)",
        "lw s3, 16(a0)",
        "lw s4, 20(a0)",
        "lw s5, 24(a0)",
        "lw a0, 0(a0)",
        "add s1, s1, s0",
        // A panel, which is one block as a rule.
        "2:",
        "mv a1, s0",
        "li a3, 0",
        "li a4, 0",
        "li a5, 0",
        "li a6, 0",
        "li a7, 0",
        "li t0, 0",
        // A block.
        "3:",
        "sub a2, s1, a1",
        "bleu a2, s2, 4f",
        "mv a2, s2",
        "4:",
        "add a2, a2, a1",
        // 16 columns.
        "5:",
        column!("0", "0", "16"),
        column!("2", "2", "18"),
        column!("4", "4", "20"),
        column!("6", "6", "22"),
        column!("8", "8", "24"),
        column!("10", "10", "26"),
        column!("12", "12", "28"),
        column!("14", "14", "30"),
        column!("16", "32", "48"),
        column!("18", "34", "50"),
        column!("20", "36", "52"),
        column!("22", "38", "54"),
        column!("24", "40", "56"),
        column!("26", "42", "58"),
        column!("28", "44", "60"),
        column!("30", "46", "62"),
        "addi a1, a1, 32",
        "addi a0, a0, 64",
        "bne a1, a2, 5b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "sub a3, a3, a4",
        "sub a5, a5, a6",
        "srai a3, a3, 8",
        "srai a5, a5, 8",
        "add a7, a7, a3",
        "add t0, t0, a5",
        "mv a3, a4",
        "mv a5, a6",
        "bne a1, s1, 3b",
        requantize!("a4", "0"),
        requantize!("a7", "4"),
        requantize!("a6", "8"),
        requantize!("t0", "12"),
        "addi s3, s3, 16",
        "addi s4, s4, 16",
        "bne s4, s5, 2b",
        "lw s0, 0(sp)",
        "lw s1, 4(sp)",
        "lw s2, 8(sp)",
        "lw s3, 12(sp)",
        "lw s4, 16(sp)",
        "lw s5, 20(sp)",
        "addi sp, sp, 32",
        "ret",
        ".option pop",
    )
}
