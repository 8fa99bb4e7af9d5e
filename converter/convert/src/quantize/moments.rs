//! Second moments of what a matrix reads, and of what it should give.

/// Tokens that are added at once.
const BLOCK: usize = 4;

/// Σ t·xᵀ over tokens, `[rows, cols]`: t is any vector, x the input of a matrix.
#[derive(Clone, Debug)]
pub struct Moments {
    rows: usize,
    cols: usize,
    sum: Vec<f64>,
    /// Up to [`BLOCK`] tokens that are not in `sum` yet.
    targets: Vec<f64>,
    inputs: Vec<f64>,
}

impl Moments {
    /// No tokens.
    pub fn new(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            sum: vec![0.0; rows * cols],
            targets: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// Adds one token.
    ///
    /// # Panics
    /// If a length differs.
    pub fn add(&mut self, target: &[f64], input: &[f64]) {
        assert_eq!(
            (target.len(), input.len()),
            (self.rows, self.cols),
            "lengths of a token's vectors"
        );
        self.targets.extend_from_slice(target);
        self.inputs.extend_from_slice(input);
        if self.inputs.len() == BLOCK * self.cols {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.targets.resize(BLOCK * self.rows, 0.0);
        self.inputs.resize(BLOCK * self.cols, 0.0);
        let (x0, rest) = self.inputs.split_at(self.cols);
        let (x1, rest) = rest.split_at(self.cols);
        let (x2, x3) = rest.split_at(self.cols);
        for (r, row) in self.sum.chunks_exact_mut(self.cols.max(1)).enumerate() {
            let [t0, t1, t2, t3] = [0, 1, 2, 3].map(|i| self.targets[i * self.rows + r]);
            for (c, sum) in row.iter_mut().enumerate() {
                *sum += (t0 * x0[c] + t1 * x1[c]) + (t2 * x2[c] + t3 * x3[c]);
            }
        }
        self.targets.clear();
        self.inputs.clear();
    }

    /// Adds the tokens of another sum.
    pub fn merge(&mut self, mut other: Self) {
        self.flush();
        other.flush();
        self.sum
            .iter_mut()
            .zip(&other.sum)
            .for_each(|(a, b)| *a += b);
    }

    /// The sum, row-major.
    pub fn finish(mut self) -> Vec<f64> {
        self.flush();
        self.sum
    }
}
