//! Noisy associative recall: the task of the recall-* checkpoints, in any number of sequences.

use sla_eval::{Rows, TokenRow};
use sla_test_models::Rng;

/// (key, value) pairs of a sequence.
const PAIRS: usize = 8;
/// Tokens before the questions.
const CONTEXT: usize = 96;

/// `n` sequences: 8 distinct keys of 1-63, each followed by a value of 64-127, stand at random even
/// positions of 96 tokens that are noise of 128-255 otherwise; then each key once more, in random
/// order, and its value behind it, which is what the target at the key's position asks for.
pub fn sequences(n: usize, seed: u64) -> Rows {
    let mut rng = Rng::new(seed);
    Rows::Tokens((0..n).map(|_| sequence(&mut rng)).collect())
}

fn sequence(rng: &mut Rng) -> TokenRow {
    let keys = distinct(63, rng);
    let values = [(); PAIRS].map(|()| 64 + rng.below(64) as u32);
    let places = distinct(CONTEXT / 2, rng);
    let mut ids: Vec<u32> = (0..CONTEXT).map(|_| 128 + rng.below(128) as u32).collect();
    let mut targets = vec![-1; CONTEXT];
    for ((key, value), place) in keys.iter().zip(values).zip(places) {
        ids[2 * place] = 1 + *key as u32;
        ids[2 * place + 1] = value;
    }
    for pair in distinct(PAIRS, rng) {
        ids.extend([1 + keys[pair] as u32, values[pair]]);
        targets.extend([values[pair] as i32, -1]);
    }
    TokenRow {
        ids,
        targets: Some(targets),
    }
}

/// As many different numbers below `n` as there are pairs, in random order.
fn distinct(n: usize, rng: &mut Rng) -> [usize; PAIRS] {
    let mut all: Vec<usize> = (0..n).collect();
    std::array::from_fn(|i| {
        let j = i + rng.below(n - i);
        all.swap(i, j);
        all[i]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_its_answer_in_the_context() {
        let Rows::Tokens(rows) = sequences(50, 1) else {
            panic!("tokens")
        };
        assert_ne!(rows[0], rows[1]);
        for TokenRow { ids, targets } in rows {
            let targets = targets.expect("targets");
            assert_eq!(
                (ids.len(), targets.len()),
                (CONTEXT + 2 * PAIRS, CONTEXT + 2 * PAIRS)
            );
            let (context, questions) = ids.split_at(CONTEXT);
            let at = |key: u32| {
                context
                    .iter()
                    .position(|&id| id == key)
                    .expect("every key asked for was given")
            };
            assert_eq!(
                context.iter().filter(|&&id| (1..64).contains(&id)).count(),
                PAIRS
            );
            assert_eq!(
                context
                    .iter()
                    .filter(|&&id| (64..128).contains(&id))
                    .count(),
                PAIRS
            );
            for (i, pair) in questions.chunks_exact(2).enumerate() {
                let place = at(pair[0]);
                assert!(place.is_multiple_of(2) && context[place + 1] == pair[1]);
                assert_eq!(targets[CONTEXT + 2 * i..][..2], [pair[1] as i32, -1]);
            }
            assert!(targets[..CONTEXT].iter().all(|&t| t == -1));
        }
    }
}
