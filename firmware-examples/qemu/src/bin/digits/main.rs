//! The `digits` binary: the words of a recording on the host, as they end; or the labels of cut
//! clips.

#![no_std]
#![no_main]

use sla_digits::{
    BANDS, Event, FrontEnd, HOP, LEAD, LOG_FLOOR_Q27, Outcome, Recognizer, SAMPLE_RATE, Settings,
};
use sla_kernels::fixed::shift;
use sla_runtime::{Checksum, Model, Session};

use qemu::semihost::{Input, exit};
use qemu::stop::{no_memory, no_model, stop};
use qemu::{Arguments, Console, Counter, Memory, boot, entry, machine, model};

mod wave;

use wave::Wave;

/// Frames of speech that a cut clip has at most.
const CLIP_FRAMES: usize = 76;

/// Listens to `wav=FILE`, prints every word with its time and a closing `@digits` line; or labels
/// each of the cut clips that `clips=FILE` lists, one path a line. Exits with 0.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let mut memory = Memory::take(&model).unwrap_or_else(|| no_memory());
    boot::self_test(&model, &mut memory);
    let session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory());
    let recognizer = Recognizer::new(session, Settings::default());
    let Ok(recognizer) = recognizer else {
        stop("the model was not made for these features")
    };
    let arguments = Arguments::read();
    match (arguments.get("wav="), arguments.get("clips=")) {
        (Some(path), _) => listen(&counter, recognizer, path),
        (None, Some(list)) => label_clips(recognizer.into_session(), list),
        _ => stop("a recording is missing: -append wav=FILE"),
    }
    exit(0)
}

fn open(path: &[u8]) -> Wave {
    Wave::open(path).unwrap_or_else(|reason| stop(reason))
}

/// Instructions of a kind of work.
#[derive(Default)]
struct Cost {
    total: u64,
    times: u64,
}

impl Cost {
    fn add(&mut self, insns: u32) -> u32 {
        (self.total, self.times) = (self.total + u64::from(insns), self.times + 1);
        insns
    }

    fn each(&self) -> u64 {
        self.total / self.times.max(1)
    }
}

fn listen(counter: &Counter, mut recognizer: Recognizer, path: &[u8]) {
    let (console, mut wave) = (Console, open(path));
    let (mut front, mut detector, mut steps) = (Cost::default(), Cost::default(), Cost::default());
    let (mut most, mut words, mut digest, mut samples) = (0, 0, Checksum::default(), [0; HOP]);
    while wave.hop(&mut samples) == HOP {
        let (mut frame, mut heard) = (Default::default(), None);
        let mut hop = front.add(counter.count(&mut || frame = recognizer.front(&samples)));
        frame.logs_q27().for_each(|log| digest.add(log));
        hop += detector.add(counter.count(&mut || heard = Some(recognizer.listen(&mut frame))));
        for _ in 0..sla_digits::STEPS_PER_HOP {
            let mut is_step = false;
            let insns = counter.count(&mut || is_step = recognizer.step());
            if !is_step {
                break;
            }
            hop += steps.add(insns);
        }
        most = most.max(hop);
        if let Some(event) = heard.and_then(|heard| recognizer.conclude(heard)) {
            event.digest(&mut digest);
            words += u64::from(matches!(event.outcome, Outcome::Digit(_)));
            print(&event);
        }
    }
    let total = front.total + detector.total + steps.total;
    let hops_a_second = u64::from(SAMPLE_RATE) * 10 / HOP as u64;
    console
        .text("@digits")
        .key("machine")
        .text(machine::NAME)
        .key("backend")
        .text(sla_kernels::backend());
    console
        .key("hops")
        .number(front.times)
        .key("words")
        .number(words)
        .key("digest")
        .hex(digest.finish());
    console
        .key("front_insns_per_hop")
        .number(front.each())
        .key("detector_insns_per_hop")
        .number(detector.each());
    console
        .key("model_insns_per_step")
        .number(steps.each())
        .key("steps")
        .number(steps.times);
    console.key("insns_max_per_hop").number(most.into());
    console
        .key("insns_per_second")
        .number(total * hops_a_second / (10 * front.times.max(1)));
    console
        .key("insns_per_second_at_most")
        .number(u64::from(most) * hops_a_second / 10)
        .end();
}

/// One line a word: when it began and ended, and what it was.
fn print(event: &Event) {
    let console = Console;
    let milliseconds = |hop: u32| u64::from(hop) * HOP as u64 * 1000 / u64::from(SAMPLE_RATE);
    console
        .text("@word")
        .key("begin_ms")
        .number(milliseconds(event.onset))
        .key("end_ms")
        .number(milliseconds(event.end));
    match event.outcome {
        Outcome::Digit(digit) => console.key("digit").number(digit.into()),
        Outcome::Short => console.key("rejected").text("short"),
        Outcome::Long => console.key("rejected").text("long"),
        Outcome::Flat => console.key("rejected").text("flat"),
        Outcome::Unsure => console.key("rejected").text("unsure"),
    };
    console
        .key("margin_q16")
        .number(event.margin_q16.max(0) as u64)
        .end();
}

/// Prints the labels in a row, and the digest of all logits that they were read from.
fn label_clips(mut session: Session, list: &[u8]) {
    let console = Console;
    let mut list = paths(list);
    let (mut count, mut digest, frac) =
        (0, Checksum::default(), session.model().desc().feature_frac);
    let silence = [shift(LOG_FLOOR_Q27, frac - 27); BANDS];
    console.text("@labels ");
    let mut path = [0; 512];
    while let Some(path) = next_line(&mut list, &mut path) {
        let (mut wave, mut front) = (open(path), FrontEnd::new());
        session.reset();
        for _ in 0..LEAD {
            let _ = session.step_features(&silence);
        }
        let mut samples = [0; HOP];
        // The last hop is not full, perhaps empty, and ends the clip with zeros.
        for _ in 0..CLIP_FRAMES {
            let read = wave.hop(&mut samples);
            let mut features = [0; BANDS];
            front.hop(&samples).features(frac, &mut features);
            let _ = session.step_features(&features);
            if read < HOP {
                break;
            }
        }
        let mut logits = session.logits();
        console.bytes(&[b'0' + logits.argmax() as u8]);
        logits.digest(&mut digest);
        count += 1;
    }
    console.end();
    console
        .text("@clips")
        .key("machine")
        .text(machine::NAME)
        .key("clips")
        .number(count);
    console.key("digest").hex(digest.finish()).end();
}

fn paths(list: &[u8]) -> Input {
    let mut text = [0; 512];
    let path = text
        .get_mut(..list.len())
        .map(|path| path.copy_from_slice(list));
    let path = path.and_then(|()| core::ffi::CStr::from_bytes_until_nul(&text).ok());
    path.and_then(Input::open)
        .unwrap_or_else(|| stop("the list of clips cannot be opened"))
}

/// The next line that is not empty.
fn next_line<'a>(file: &mut Input, line: &'a mut [u8; 512]) -> Option<&'a [u8]> {
    let mut len = 0;
    let mut byte = [0];
    while file.read(&mut byte) == 1 {
        match byte {
            [b'\n'] if len > 0 => break,
            [b'\n'] => {}
            [byte] => {
                *line.get_mut(len)? = byte;
                len += 1;
            }
        }
    }
    line.get(..len).filter(|line| !line.is_empty())
}
