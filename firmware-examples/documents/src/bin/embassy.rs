//! The embassy firmware of docs/realtime.md, beside another task.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use documents::{TOKENS, done, include_bytes, show};

// [docs/realtime.md]
use embassy_executor::Spawner;
use embassy_futures::yield_now;
use sla_runtime::{Aligned, MemoryPlan, Model, Session, StepError};
use static_cell::{ConstStaticCell, StaticCell};

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("shakespeare.sla"));
const PLAN: MemoryPlan = MemoryPlan::of_file(&FILE.0);
static STATE: ConstStaticCell<[u32; PLAN.state_words]> =
    ConstStaticCell::new([0; PLAN.state_words]);
static SCRATCH: ConstStaticCell<[u32; PLAN.scratch_words]> =
    ConstStaticCell::new([0; PLAN.scratch_words]);
static MODEL: StaticCell<Model> = StaticCell::new(); // a task lives for ever, and so does what its session borrows

/// The likeliest next token; at most one slice or tile between two polls of the other tasks.
async fn next(session: &mut Session<'_, '_>, token: u32) -> Result<u32, StepError> {
    let mut step = session.slices(token)?;
    while step.run_next() {
        yield_now().await;
    }
    let (mut best, mut logits) = ((0, i32::MIN), step.finish());
    for tile in 0.. {
        let Some(values) = logits.tile(tile) else {
            break;
        };
        for (id, &logit) in (32 * tile as u32..).zip(values) {
            if logit > best.1 {
                best = (id, logit);
            }
        }
        yield_now().await;
    }
    Ok(best.0)
}

#[embassy_executor::task]
async fn generate(mut session: Session<'static, 'static>, mut token: u32) {
    while let Ok(best) = next(&mut session, token).await {
        token = best;
        hear(token);
    }
}

#[embassy_executor::task]
async fn blink() {
    loop {
        toggle();
        yield_now().await;
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let model = MODEL.init(Model::parse(&FILE.0).expect("a model for this runtime"));
    let session =
        Session::new(model, STATE.take(), SCRATCH.take()).expect("buffers of the planned sizes");
    spawner.spawn(generate(session, b'R'.into()).expect("the first of its kind"));
    spawner.spawn(blink().expect("the first of its kind"));
}
// [end]

static HEARD: AtomicUsize = AtomicUsize::new(0);
static BLINKS: AtomicUsize = AtomicUsize::new(0);

/// What the firmware does with a token.
fn hear(token: u32) {
    qemu::semihost::write(qemu::semihost::Channel::Output, &[token as u8]);
    if HEARD.fetch_add(1, Ordering::Relaxed) + 1 == TOKENS {
        show("blinks", BLINKS.load(Ordering::Relaxed));
        done()
    }
}

/// The other task's work.
fn toggle() {
    BLINKS.fetch_add(1, Ordering::Relaxed);
}
