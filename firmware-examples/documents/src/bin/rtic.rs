//! The RTIC firmware of docs/realtime.md, beside another task.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use documents::{TOKENS, done, include_bytes, show};
use embassy_futures::yield_now;
use sla_runtime::{Aligned, MemoryPlan};
use static_cell::{ConstStaticCell, StaticCell};

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("shakespeare.sla"));
const PLAN: MemoryPlan = MemoryPlan::of_file(&FILE.0);
static STATE: ConstStaticCell<[u32; PLAN.state_words]> =
    ConstStaticCell::new([0; PLAN.state_words]);
static SCRATCH: ConstStaticCell<[u32; PLAN.scratch_words]> =
    ConstStaticCell::new([0; PLAN.scratch_words]);
static MODEL: StaticCell<sla_runtime::Model> = StaticCell::new();

// [docs/realtime.md]
#[rtic::app(device = lm3s6965, peripherals = false, dispatchers = [UART0])]
mod app {
    use super::*;
    use sla_runtime::{Model, Session};

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        session: Session<'static, 'static>,
    }

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        let model = MODEL.init(Model::parse(&FILE.0).expect("a model for this runtime"));
        let session = Session::new(model, STATE.take(), SCRATCH.take())
            .expect("buffers of the planned sizes");
        generate::spawn().expect("the first of its kind");
        blink::spawn().expect("the first of its kind");
        (Shared {}, Local { session })
    }

    #[task(local = [session, token: u32 = b'R' as u32], priority = 1)]
    async fn generate(cx: generate::Context) {
        let (session, token) = (cx.local.session, cx.local.token);
        while let Ok(mut step) = session.slices(*token) {
            while step.run_next() {
                yield_now().await; // the other tasks of this priority; those above it preempt a slice
            }
            *token = step.finish().argmax();
            hear(*token);
        }
    }

    #[task(priority = 1)]
    async fn blink(_: blink::Context) {
        loop {
            toggle();
            yield_now().await;
        }
    }
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
