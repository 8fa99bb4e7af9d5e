//! What a recognizer refuses, and what it takes of RAM.

use sla_digits::{Recognizer, Settings, Unfit};
use sla_reference::{Backbone, Config, Input};
use sla_runtime::Session;
use sla_test_models as synth;
use sla_tests::Case;

fn refusal(config: Config) -> Option<Unfit> {
    let weights = synth::weights(&config, 1);
    let case = Case::of(config, weights);
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let session = memory.session(&model).expect("buffers of the model's size");
    Recognizer::new(session, Settings::default()).err()
}

fn features(size: usize, outputs: usize) -> Config {
    let input = Input::Features {
        size,
        mean: vec![-5.0; size],
        std: vec![3.0; size],
    };
    Config {
        input,
        outputs,
        ..synth::small(Backbone::Gla)
    }
}

#[test]
fn models_for_other_features_are_refused_by_their_numbers() {
    assert_eq!(refusal(synth::small(Backbone::Gla)), Some(Unfit::Tokens));
    assert_eq!(refusal(features(8, 10)), Some(Unfit::Bands { have: 8 }));
    assert_eq!(refusal(features(32, 11)), Some(Unfit::Labels { have: 11 }));
    assert_eq!(refusal(features(32, 10)), None);
    assert_eq!(
        Unfit::Bands { have: 8 }.to_string(),
        "the model reads 8 features, the front end makes 32"
    );
}

#[test]
fn front_end_and_detector_take_four_kilobytes() {
    // The session's handle holds a copy of the model's description and tables.
    let (bytes, handle) = (size_of::<Recognizer>(), size_of::<Session>());
    eprintln!("{bytes} bytes on this machine, {handle} of them the session's handle");
    assert!(bytes - handle <= 4 * 1024 - 192, "{bytes}, {handle}");
}
