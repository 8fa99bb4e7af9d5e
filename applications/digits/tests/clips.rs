//! The 300 clips of the official test split: labels by float, and by the fixed front end and model.

mod common;

use common::{Clip, Split, argmax, case, clips, fixed_features, float_features};
use sla_reference::Session as FloatSession;
use sla_tests::Case;
use sla_tests::needs::Tried;

sla_tests::tests![labels_are_those_of_float];

fn float_label(case: &Case, clip: &Clip) -> u8 {
    let mut session = FloatSession::new(&case.float);
    let frames = float_features(&clip.samples);
    let (last, others) = frames.split_last().expect("at least silence");
    for frame in others {
        session.step_features(frame, &mut ()).expect("32 features");
    }
    argmax(session.step_features(last, &mut ()).expect("32 features"))
}

fn fixed_label(case: &Case, clip: &Clip) -> u8 {
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).expect("buffers of the model's size");
    let frames = fixed_features(&clip.samples, model.desc().feature_frac);
    let (last, others) = frames.split_last().expect("at least silence");
    for frame in others {
        session.step_features(frame).expect("32 features");
    }
    session.step_features(last).expect("32 features").argmax() as u8
}

fn labels_are_those_of_float() -> Tried {
    let clips = clips(Split::Test)?;
    let case = case();
    let labels = sla_tests::parallel(clips.len(), |i| {
        (float_label(&case, &clips[i]), fixed_label(&case, &clips[i]))
    });
    let right = |f: fn(&(u8, u8)) -> u8| {
        labels
            .iter()
            .zip(&clips)
            .filter(|(l, clip)| f(l) == clip.label)
            .count()
    };
    let differ: Vec<&str> = labels
        .iter()
        .zip(&clips)
        .filter(|((a, b), _)| a != b)
        .map(|(_, clip)| clip.name.as_str())
        .collect();
    eprintln!(
        "300 clips: float {} right, fixed {} right, labels differ on {differ:?}",
        right(|l| l.0),
        right(|l| l.1)
    );
    assert!(differ.len() <= 1 && right(|l| l.0) >= 297, "{differ:?}");
    Ok(())
}
