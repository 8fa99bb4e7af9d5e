//! What the layout proves for the matrices of the cases, according to the converter
//! (docs/numerics.md N5).

use anyhow::{Context, Result, bail};
use sla_convert::quantize::{Int8Rows, QuantizedMatrix, lower_matrix};
use sla_kernels::I8Matrix;
use sla_kernels::conformance::Draw;
use sla_mapping::recipe::{Source, Target};

use crate::table::Table;

/// What holds for one matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Case name.
    pub case: String,
    /// Bits of the length of the int16 input.
    pub in_bits: u8,
    /// Columns over which a row pair's upper sum stays below 2^23.
    pub block: usize,
}

/// A case's name without the columns of a block, and these: `kernel:ROWSxCOLS/BLOCK`.
pub fn split(name: &str) -> (&str, Option<usize>) {
    match name.split_once('/') {
        Some((case, block)) => (case, block.parse().ok()),
        None => (name, None),
    }
}

/// What the converter proves for the matrix of case `name`, if it has one; an error if the firmware
/// assumed something else.
pub fn of(name: &str) -> Result<Option<Layout>> {
    let (case, Some(block)) = split(name) else {
        return Ok(None);
    };
    let size = case
        .split_once(':')
        .and_then(|(_, shape)| shape.split_once('x'));
    let (rows, cols) = size.with_context(|| format!("{name} has no ROWSxCOLS"))?;
    let (in_bits, proven) = prove(rows.parse()?, cols.parse()?)?;
    if block != proven {
        bail!("{case} ran with blocks of {block} columns, the converter proves {proven}");
    }
    Ok(Some(Layout {
        case: case.to_owned(),
        in_bits,
        block,
    }))
}

/// in_bits and columns of a block of the first `rows` × `cols` weights that a fresh [`Draw`] gives.
fn prove(rows: usize, cols: usize) -> Result<(u8, usize)> {
    let mut draw = Draw::default();
    let packed: Vec<i16> = (0..rows / 2 * cols).map(|_| draw.weights(false)).collect();
    let matrix = I8Matrix::new(&packed, cols, 0);
    let integers = (0..rows).flat_map(|row| matrix.row(row)).collect();
    let weights = QuantizedMatrix::Int8(Int8Rows {
        cols,
        integers,
        scale: vec![1.0 / 127.0; rows],
    });
    let lowered = lower_matrix(
        &weights,
        1.0,
        None,
        Source::Dynamic { frac: 0 },
        Target::Frac(16),
        0,
    );
    let desc = lowered.context("no block of columns can be proven")?.desc;
    let block = if desc.block_tiles == 0 {
        cols
    } else {
        16 * usize::from(desc.block_tiles)
    };
    Ok((desc.in_bits, block))
}

/// One row a matrix.
pub fn table(layouts: &[Layout]) -> Table {
    let mut table = Table::new(&["<matrix", "activation bits", "columns of a block"]);
    for layout in layouts {
        table.row([
            layout.case.clone(),
            layout.in_bits.to_string(),
            layout.block.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_block_is_refused() {
        let (bits, block) = prove(16, 64).expect("int8 weights always have a proof");
        assert!((13..=15).contains(&bits));
        assert_eq!(block, 64);
        assert!(
            of("matvec_i8:16x64/64")
                .expect("proven")
                .is_some_and(|layout| layout.in_bits == bits)
        );
        let error = of("matvec_i8:16x64/32").expect_err("the whole row is one block");
        assert_eq!(
            error.to_string(),
            "matvec_i8:16x64 ran with blocks of 32 columns, the converter proves 64"
        );
        assert_eq!(of("argmax:256").expect("no matrix"), None);
    }
}
