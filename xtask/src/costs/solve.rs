//! Least squares with figures that are not negative.

/// Sweeps over all figures.
const SWEEPS: usize = 20_000;

/// Σ figure·amount = 1 over its terms.
pub struct Equation {
    /// Index of a figure, and its amount.
    pub terms: Vec<(usize, f64)>,
}

/// The `count` figures ≥ 0 for which the squared errors of `equations` are least, by coordinate
/// descent; 0 where no equation has a term.
pub fn nonnegative_least_squares(equations: &[Equation], count: usize) -> Vec<f64> {
    let (mut gram, mut right) = (vec![vec![0.0; count]; count], vec![0.0; count]);
    for Equation { terms } in equations {
        for &(i, a) in terms {
            right[i] += a;
            for &(j, b) in terms {
                gram[i][j] += a * b;
            }
        }
    }
    let mut figures = vec![0.0f64; count];
    for _ in 0..SWEEPS {
        for i in (0..count).filter(|&i| gram[i][i] > 0.0) {
            let predicted: f64 = gram[i].iter().zip(&figures).map(|(g, f)| g * f).sum();
            figures[i] = (figures[i] + (right[i] - predicted) / gram[i][i]).max(0.0);
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_figures_are_found_and_none_is_negative() {
        let row = |a: f64, b: f64, sum: f64| Equation {
            terms: vec![(0, a / sum), (1, b / sum)],
        };
        // 3a + b, exactly.
        let found = nonnegative_least_squares(
            &[row(1.0, 0.0, 3.0), row(2.0, 5.0, 11.0), row(4.0, 1.0, 13.0)],
            3,
        );
        assert!(
            (found[0] - 3.0).abs() < 1e-9 && (found[1] - 1.0).abs() < 1e-9 && found[2] == 0.0,
            "{found:?}"
        );
        // Exactness would take a negative second figure.
        let found = nonnegative_least_squares(&[row(1.0, 1.0, 1.0), row(1.0, 2.0, 0.5)], 2);
        assert!(
            found[1] == 0.0 && found[0] > 0.5 && found[0] < 1.0,
            "{found:?}"
        );
    }
}
