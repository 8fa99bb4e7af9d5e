//! A model behind the fake sensor gives the logits that it gives for the same features.

use std::cell::RefCell;
use std::rc::Rc;

use crate::chip::{Chip, FakeI2c, Fault};
use sla_reference::{Backbone, Config as ModelConfig, Input};
use sla_runtime::Checksum;
use sla_sensor::{
    Config, DeviceError, FeatureSource, I2cBus, Lis3dh, Monitor, Range, Rate, Settings, Trouble,
    Unfit, Windows,
};
use sla_test_models as synth;
use sla_tests::Case;

const WINDOW: usize = 4;
const FEATURES: usize = 3 * WINDOW;

fn model(features: usize) -> Case {
    let input = Input::Features {
        size: features,
        mean: vec![0.1; features],
        std: vec![0.5; features],
    };
    let config = ModelConfig {
        outputs: 5,
        input,
        ..synth::small(Backbone::Gla)
    };
    Case::of(config.clone(), synth::weights(&config, 7))
}

fn source(chip: &Rc<RefCell<Chip>>) -> Windows<Lis3dh<I2cBus<FakeI2c>>, 3, WINDOW> {
    let config = Config {
        rate: Rate::Hz100,
        range: Range::G4,
        retries: 1,
    };
    let sensor = Lis3dh::new(I2cBus::new(FakeI2c(chip.clone()), 0x19), config);
    Windows::new(
        sensor,
        Settings {
            hop: 2,
            ..Settings::default()
        },
    )
}

/// Features of the windows that begin at these samples, in exact arithmetic of the test's own.
fn features(at: u32, frac: i32) -> Vec<i32> {
    let feature = |count: i16| {
        let doubled = i128::from(count) * 2 * (1i128 << (frac + 1));
        i32::try_from((doubled + 1000).div_euclid(2000)).expect("a feature")
    };
    (at..at + WINDOW as u32)
        .flat_map(crate::chip::numbered)
        .map(feature)
        .collect()
}

#[test]
fn logits_are_those_of_the_same_features() {
    let case = model(FEATURES);
    let (file, mut memory, chip) = (case.file.model(), case.file.memory(), Chip::new());
    let mut buffer = [0; FEATURES];
    let session = memory.session(&file).unwrap();
    let mut monitor =
        Monitor::new(session, source(&chip), &mut buffer).expect("a model of such features");
    // A bus that is lost for ever in the middle of it, and comes back.
    let (mut digests, mut streams) = (vec![Checksum::default()], vec![0]);
    for n in 0..400 {
        chip.borrow_mut().tick(1);
        chip.borrow_mut().is_gone = (150..160).contains(&n);
        match monitor.poll() {
            Ok(None) => {}
            Ok(Some(mut logits)) => {
                logits.digest(digests.last_mut().unwrap());
                *streams.last_mut().unwrap() += 1;
                assert_eq!(monitor.position(), *streams.last().unwrap());
            }
            Err(trouble) => {
                assert_eq!(trouble, Trouble::Sensor(DeviceError::Bus(Fault::Before)));
                assert_eq!(monitor.position(), 0);
                if n == 150 {
                    digests.push(Checksum::default());
                    streams.push(0);
                }
            }
        }
    }
    // The first window begins when seven samples have settled; after the loss, at the eighth sample
    // from 161 on.
    let begins = [8, 168];
    assert_eq!(streams.len(), 2);
    let mut other = case.file.memory();
    let mut session = other.session(&file).unwrap();
    for ((digest, count), begin) in digests.into_iter().zip(streams).zip(begins) {
        assert!(count > 60, "{count}");
        session.reset();
        let mut direct = Checksum::default();
        for k in 0..count as u32 {
            let frame = features(begin + 2 * k, file.desc().feature_frac);
            session.step_features(&frame).unwrap().digest(&mut direct);
        }
        assert_eq!(digest.finish(), direct.finish());
    }
}

/// A source that makes its own features.
struct Given(usize);

impl FeatureSource for Given {
    type Error = ();

    fn features(&self) -> usize {
        self.0
    }

    fn next(&mut self, _: i32, out: &mut [i32]) -> Result<bool, ()> {
        assert_eq!(out.len(), self.0);
        out.fill(1);
        Ok(true)
    }
}

#[test]
fn models_and_sources_have_to_fit() {
    let case = model(FEATURES);
    let tokens = ModelConfig {
        outputs: 9,
        input: Input::Tokens { vocab: 9 },
        ..synth::small(Backbone::Gla)
    };
    let language = Case::of(tokens.clone(), synth::weights(&tokens, 1));
    let fits = |case: &Case, features: usize, room: usize| {
        let (model, mut memory, mut buffer) =
            (case.file.model(), case.file.memory(), vec![0; room]);
        Monitor::new(
            memory.session(&model).unwrap(),
            Given(features),
            &mut buffer,
        )
        .map(|mut monitor| {
            assert!(monitor.poll().is_ok_and(|logits| logits.is_some()));
        })
    };
    assert_eq!(fits(&case, FEATURES, FEATURES + 1), Ok(()));
    let length = |source, buffer| Unfit::Length {
        model: FEATURES,
        source,
        buffer,
    };
    assert_eq!(
        fits(&case, FEATURES, FEATURES - 1),
        Err(length(FEATURES, FEATURES - 1))
    );
    assert_eq!(
        fits(&case, FEATURES - 1, FEATURES),
        Err(length(FEATURES - 1, FEATURES))
    );
    assert_eq!(fits(&language, 9, 9), Err(Unfit::Tokens));
    let coarse = Input::Features {
        size: 3,
        mean: vec![0.0; 3],
        std: vec![1e12; 3],
    };
    let config = ModelConfig {
        outputs: 5,
        input: coarse,
        ..synth::small(Backbone::Gla)
    };
    let coarse = Case::of(config.clone(), synth::weights(&config, 7));
    let have = coarse.file.model().desc().feature_frac;
    assert!(have < 0);
    assert_eq!(fits(&coarse, 3, 3), Err(Unfit::Fraction { have }));
}
