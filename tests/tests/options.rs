//! Random models of every option combination: the integer runtime against the float reference over the weights that the
//! file means.

use sla_converter::checkpoint::synth;
use sla_reference::Config;
use sla_tests::{Case, Stream, parallel};

#[test]
fn random_models_follow_the_float_reference() {
    let n: usize = std::env::var("SLA_CASES").map_or(320, |n| n.parse().expect("a number"));
    let results = parallel(n, |seed| {
        let (config, _) = synth::case(seed as u64);
        let weights = synth::weights(&config, seed as u64);
        let stream = Stream::random(&config, 64, seed as u64);
        let case = Case::of(config.clone(), weights);
        let drift = case.drift(&stream);
        let s = case.sensitivity(&stream);
        (drift, config, s)
    });
    let mut order: Vec<usize> = (0..n).collect();
    let ratio = |i: usize| results[i].0.arithmetic / (results[i].2 + 5e-5);
    order.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)));
    for &i in order.iter().take(40) {
        let (d, c, s) = &results[i];
        eprintln!("{i:4} {:.2} {:.2e} {s:.2e} {:.4} {}", ratio(i), d.arithmetic, d.total, short(c));
    }
    let median = results[order[n / 2]].0.arithmetic;
    eprintln!("{n} models: median {median:.2e}, worst {:.2e}", results[order[0]].0.arithmetic);
}

fn short(c: &Config) -> String {
    format!("{c:?}").replace("Some", "")
}
