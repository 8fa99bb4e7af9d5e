//! Merges against the rule itself: the lowest rank first, of several the leftmost.
use super::*;

fn merged(parts: &Parts, mut ids: Vec<u32>) -> Vec<u32> {
    loop {
        let ranks = ids.windows(2).enumerate().filter_map(|(at, pair)| {
            let rank = parts
                .merges
                .iter()
                .position(|m| (m.0, m.1) == (pair[0], pair[1]))?;
            Some((rank, at))
        });
        let Some((rank, at)) = ranks.min() else {
            return ids;
        };
        ids.splice(at..at + 2, [parts.merges[rank].2]);
    }
}

/// Merges of random tokens, among them those of merges.
fn random_merges(random: &mut Random, symbols: &[u32], parts: &mut Parts, count: usize) {
    let mut tokens = symbols.to_vec();
    for _ in 0..count {
        let (left, right) = (
            tokens[random.below(tokens.len())],
            tokens[random.below(tokens.len())],
        );
        let len = |id: u32| parts.texts[id as usize].as_ref().map_or(1, Vec::len);
        if !parts.merges.iter().any(|m| (m.0, m.1) == (left, right)) && len(left) + len(right) < 40
        {
            tokens.push(parts.merge(left, right));
        }
    }
}

#[test]
fn the_lowest_rank_merges_first_and_of_several_the_leftmost() {
    let mut random = Random(3);
    for round in 0..60 {
        let mut parts = Parts::of_bytes(Split::Whole);
        random_merges(&mut random, &[97, 98, 99], &mut parts, 5 + round % 40);
        let section = parts.section();
        let tokenizer = read(&section);
        for most in [0, 1, 2, 5, 15, 16, 17, 18, 33, 100, 257, 300] {
            let text: String = (0..most)
                .map(|_| ["a", "b", "c", "d"][random.below(4)])
                .collect();
            let ids = text.bytes().map(u32::from).collect();
            let found = encode(tokenizer, &text, Template::Omit, ControlTokens::AsText);
            assert_eq!(found, merged(&parts, ids), "{text} by {:?}", parts.merges);
        }
    }
}

/// Long runs of one symbol, and of a pattern, over three levels of the tree of ranks.
#[test]
fn long_pre_tokens_merge_as_short_ones_do() {
    let mut parts = Parts::of_bytes(Split::Whole);
    let two = parts.merge(97, 97);
    let four = parts.merge(two, two);
    parts.merge(four, 98);
    parts.merge(98, 97);
    let section = parts.section();
    for text in ["a", "aab", "ab", "aaaab", "ba"].map(|part| part.repeat(5000 / part.len())) {
        let found = encode(read(&section), &text, Template::Omit, ControlTokens::AsText);
        assert_eq!(
            found,
            merged(&parts, text.bytes().map(u32::from).collect()),
            "{}…",
            &text[..9]
        );
    }
}
