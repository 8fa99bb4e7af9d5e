//! Continuous audio: what is detected, missed and heard wrongly in long recordings made of the 300
//! clips of the test split. The figures are those of docs/applications.md; the settings were chosen
//! on other clips.

mod common;

use common::stream::{Background, Between, Scene, Tally, events, record, tally};
use common::{Split, case, clips};
use sla_digits::{HOP, Outcome, Settings};
use sla_tests::needs::Tried;

sla_tests::tests![
    words_are_found_in_continuous_audio,
    nothing_is_heard_where_nothing_is_said,
    a_new_background_is_learned,
];

/// A scene and what has to come of it: right at least, wrong at most, false alarms at most, of 300
/// words.
struct Row(Background, f64, Between, [usize; 3]);

const ROWS: [Row; 14] = [
    Row(Background::Silence, 60.0, Between::Nothing, [292, 3, 0]),
    Row(Background::White, 30.0, Between::Nothing, [290, 2, 0]),
    Row(Background::White, 20.0, Between::Nothing, [278, 3, 0]),
    Row(Background::White, 10.0, Between::Nothing, [177, 32, 0]),
    Row(Background::Pink, 30.0, Between::Nothing, [289, 3, 0]),
    Row(Background::Pink, 20.0, Between::Nothing, [288, 3, 0]),
    Row(Background::Pink, 10.0, Between::Nothing, [261, 4, 0]),
    Row(Background::Hum, 20.0, Between::Nothing, [292, 3, 0]),
    Row(Background::Hum, 10.0, Between::Nothing, [288, 2, 0]),
    Row(Background::Silence, 60.0, Between::Clicks, [289, 2, 0]),
    Row(Background::Pink, 20.0, Between::Clicks, [288, 3, 0]),
    Row(Background::Pink, 30.0, Between::Bursts, [291, 3, 0]),
    Row(Background::Silence, 60.0, Between::Reversed, [293, 2, 174]),
    Row(Background::Pink, 30.0, Between::Reversed, [291, 3, 166]),
];

fn words_are_found_in_continuous_audio() -> Tried {
    let clips = clips(Split::Test)?;
    let case = case();
    let tallies: Vec<Tally> = sla_tests::parallel(ROWS.len(), |i| {
        let Row(background, snr_db, between, _) = ROWS[i];
        let recording = record(
            &clips,
            Scene {
                background,
                snr_db,
                between,
            },
            7,
        );
        tally(
            &recording,
            &events(&case, &recording.samples, Settings::default()),
        )
    });
    eprintln!(
        "| background | between words | minutes | right | wrong | rejected | missed | false alarms a minute |"
    );
    for (Row(background, snr_db, between, _), t) in ROWS.iter().zip(&tallies) {
        let under = match background {
            Background::Silence => "silence".to_owned(),
            other => format!("{}, {snr_db:.0} dB", format!("{other:?}").to_lowercase()),
        };
        let between = format!("{between:?}").to_lowercase();
        let Tally {
            right,
            wrong,
            rejected,
            missed,
            ..
        } = t;
        let alarms = t.false_alarms as f64 / t.minutes;
        eprintln!(
            "| {under} | {between} | {:.1} | {right} | {wrong} | {rejected} | {missed} | {alarms:.1} |",
            t.minutes
        );
    }
    for (Row(background, snr_db, between, [right, wrong, alarms]), t) in ROWS.iter().zip(&tallies) {
        assert_eq!(t.right + t.wrong + t.rejected + t.missed, 300);
        let is_good = t.right >= *right && t.wrong <= *wrong && t.false_alarms <= *alarms;
        assert!(is_good, "{background:?} {snr_db} dB, {between:?}: {t:?}");
    }
    Ok(())
}

/// Four minutes of each background without a word.
fn nothing_is_heard_where_nothing_is_said() {
    let case = case();
    for (i, background) in [Background::White, Background::Pink, Background::Hum]
        .into_iter()
        .enumerate()
    {
        for level in [30.0, 1000.0] {
            let samples = common::stream::noise(background, 4 * 60 * 8000, level, 3 + i as u32);
            let heard = events(&case, &samples, Settings::default());
            eprintln!(
                "{background:?} at {level}: {} events in four minutes",
                heard.len()
            );
            assert!(
                heard
                    .iter()
                    .all(|event| !matches!(event.outcome, Outcome::Digit(_))),
                "{background:?}: {heard:?}"
            );
        }
    }
}

/// A background that becomes 20 dB louder all at once is learned, and words are heard again in
/// front of it.
fn a_new_background_is_learned() -> Tried {
    let mut clips = clips(Split::Tuning)?;
    clips.truncate(20);
    let case = case();
    let scene = |snr_db| Scene {
        background: Background::Pink,
        snr_db,
        between: Between::Nothing,
    };
    let (quiet, loud) = (
        record(&clips, scene(40.0), 1),
        record(&clips, scene(20.0), 1),
    );
    let start = quiet.samples.len() / HOP * HOP;
    let mut samples = quiet.samples[..start].to_vec();
    samples.extend(&loud.samples);
    let heard = events(&case, &samples, Settings::default());
    assert!(
        heard.iter().any(|event| event.outcome == Outcome::Long),
        "{heard:?}"
    );
    let first = (start / HOP) as u32;
    let later = heard
        .iter()
        .filter(|event| event.onset >= first && matches!(event.outcome, Outcome::Digit(_)))
        .count();
    // The first two seconds of each recording are background: learning takes 1.5 s and a quarter.
    assert!(
        (18..=20).contains(&later),
        "{later} of 20 words in {heard:?}"
    );
    Ok(())
}
