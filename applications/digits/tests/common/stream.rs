//! Long synthetic recordings: clips with silence, noise, clicks and hum between them.

use sla_digits::{Event, HOP, Outcome, Recognizer, Settings};
use sla_tests::Case;

use super::Clip;

/// What lies under the words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Background {
    /// Zeros between the clips.
    Silence,
    /// The same power at all frequencies.
    White,
    /// The same power in every octave.
    Pink,
    /// 50 Hz and its odd harmonics.
    Hum,
}

/// What stands between words, besides pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Between {
    /// Nothing.
    Nothing,
    /// A click of 5 ms, as loud as speech, in every pause.
    Clicks,
    /// A burst of white noise of half a second, as loud as speech, in every pause.
    Bursts,
    /// Words played backwards: sounds of speech that are no digits.
    Reversed,
}

/// A kind of recording.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Under the words.
    pub background: Background,
    /// Power of speech over that of the background, dB.
    pub snr_db: f64,
    /// Between them.
    pub between: Between,
}

/// A recording and what is said in it.
pub struct Recording {
    /// 8 kHz.
    pub samples: Vec<i16>,
    /// First and last sample of each word, and its label.
    pub words: Vec<(usize, usize, u8)>,
}

/// Numerical Recipes' linear congruence, in [-1, 1).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 as i32) / 2f64.powi(31)
    }

    fn below(&mut self, n: usize) -> usize {
        self.next();
        ((u64::from(self.0) * n as u64) >> 32) as usize
    }
}

fn power(x: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = x.fold((0.0, 0), |(sum, n), x| (sum + x * x, n + 1));
    sum / f64::from(n.max(1))
}

/// Background of power 1.
fn background(kind: Background, len: usize, noise: &mut Noise) -> Vec<f64> {
    let mut out: Vec<f64> = match kind {
        Background::Silence => return vec![0.0; len],
        Background::White => (0..len).map(|_| noise.next()).collect(),
        // White noise held for 1, 2, 4, … samples, added up (Voss): a staircase near 1/f.
        Background::Pink => {
            let mut held = [0.0; 11];
            let step = |n: usize| {
                for (octave, value) in held.iter_mut().enumerate() {
                    if n.is_multiple_of(1 << octave) {
                        *value = noise.next();
                    }
                }
                held.iter().sum()
            };
            (0..len).map(step).collect()
        }
        Background::Hum => {
            let wave = |n: usize| {
                let t = std::f64::consts::TAU * 50.0 * n as f64 / 8000.0;
                (1..20)
                    .step_by(2)
                    .map(|k| (f64::from(k) * t + f64::from(k)).sin() / f64::from(k))
                    .sum()
            };
            (0..len).map(wave).collect()
        }
    };
    let scale = power(out.iter().copied()).sqrt().recip();
    out.iter_mut().for_each(|x| *x *= scale);
    out
}

/// A background alone, of root mean square `level`.
pub fn noise(kind: Background, len: usize, level: f64, seed: u32) -> Vec<i16> {
    let under = background(kind, len, &mut Noise(seed));
    under
        .into_iter()
        .map(|x| (level * x).round().clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// A clip's samples, brought to the root mean square `level`, so that a signal-to-noise ratio is
/// that of every word.
fn level(clip: &Clip, level: f64) -> impl DoubleEndedIterator<Item = f64> {
    let scale = level / power(clip.samples.iter().map(|&x| f64::from(x))).sqrt();
    clip.samples.iter().map(move |&x| scale * f64::from(x))
}

/// Strings the clips together in a random order: half a second to 1.3 between words, after two
/// seconds of background.
pub fn record(clips: &[Clip], scene: Scene, seed: u32) -> Recording {
    let mut noise = Noise(seed);
    let mut order: Vec<usize> = (0..clips.len()).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, noise.below(i + 1));
    }
    let speech = power(
        clips
            .iter()
            .flat_map(|clip| &clip.samples)
            .map(|&x| f64::from(x)),
    )
    .sqrt();
    let (mut x, mut words) = (vec![0.0; 16_000], Vec::new());
    let pause =
        |x: &mut Vec<f64>, noise: &mut Noise| x.resize(x.len() + 4000 + noise.below(6400), 0.0);
    for i in order {
        let clip = &clips[i];
        match scene.between {
            Between::Nothing => {}
            Between::Clicks => x.extend((0..40).map(|_| 3.0 * speech * noise.next())),
            Between::Bursts => x.extend((0..4000).map(|_| 1.7 * speech * noise.next())),
            Between::Reversed => x.extend(level(clip, speech).rev()),
        }
        if scene.between != Between::Nothing {
            pause(&mut x, &mut noise);
        }
        words.push((x.len(), x.len() + clip.samples.len(), clip.label));
        x.extend(level(clip, speech));
        pause(&mut x, &mut noise);
    }
    let scale = speech * 10f64.powf(-scene.snr_db / 20.0);
    let under = background(scene.background, x.len(), &mut noise);
    let samples = x
        .iter()
        .zip(under)
        .map(|(x, b)| (x + scale * b).round().clamp(-32_768.0, 32_767.0) as i16)
        .collect();
    Recording { samples, words }
}

/// What a recognizer makes of a recording.
pub fn events(case: &Case, samples: &[i16], settings: Settings) -> Vec<Event> {
    let model = case.file.model();
    let mut memory = case.file.memory();
    let session = memory.session(&model).expect("buffers of the model's size");
    let mut recognizer = Recognizer::new(session, settings).expect("a model of digits");
    samples
        .as_chunks::<HOP>()
        .0
        .iter()
        .filter_map(|hop| recognizer.hop(hop))
        .collect()
}

/// How events and words go together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Words.
    pub words: usize,
    /// Words with one event or more that overlaps, the first of which has the right label.
    pub right: usize,
    /// Words whose first labelled event has another label.
    pub wrong: usize,
    /// Words that were heard, but rejected.
    pub rejected: usize,
    /// Words that nothing was heard of.
    pub missed: usize,
    /// Labelled events without a word, or after a word's first.
    pub false_alarms: usize,
    /// Minutes.
    pub minutes: f64,
}

/// Sets events against words.
pub fn tally(recording: &Recording, events: &[Event]) -> Tally {
    let mut tally = Tally {
        words: recording.words.len(),
        minutes: recording.samples.len() as f64 / 480_000.0,
        ..Tally::default()
    };
    let labelled = events
        .iter()
        .filter(|event| matches!(event.outcome, Outcome::Digit(_)))
        .count();
    let mut taken = 0;
    for &(start, end, label) in &recording.words {
        let overlaps = |event: &&Event| {
            (event.onset as usize * HOP) < end && event.end as usize * HOP + HOP > start
        };
        let mut heard = events.iter().filter(overlaps).peekable();
        let is_heard = heard.peek().is_some();
        match heard.find_map(|event| {
            if let Outcome::Digit(digit) = event.outcome {
                Some(digit)
            } else {
                None
            }
        }) {
            Some(digit) => {
                taken += 1;
                if digit == label {
                    tally.right += 1
                } else {
                    tally.wrong += 1
                }
            }
            None if is_heard => tally.rejected += 1,
            None => tally.missed += 1,
        }
    }
    // An event that overlaps two words answers for both.
    tally.false_alarms = labelled.saturating_sub(taken);
    tally
}
