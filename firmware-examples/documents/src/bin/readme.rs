//! The firmware of README.md, its stack measured.

#![no_std]
#![no_main]

use documents::{Uart, done, include_bytes, show};

// [README.md]
use embedded_io::Write;
use sla_runtime::{Aligned, MemoryPlan, Model, Sampler, SamplerConfig, Session};
use static_cell::ConstStaticCell;

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("shakespeare.sla"));
const PLAN: MemoryPlan = MemoryPlan::of_file(&FILE.0);
const _: () = assert!(
    PLAN.state_bytes() + PLAN.scratch_bytes() <= 40 * 1024,
    "the RAM budget"
);

// Any way of owning a buffer will do that does not build it on the stack first.
static STATE: ConstStaticCell<[u32; PLAN.state_words]> =
    ConstStaticCell::new([0; PLAN.state_words]);
static SCRATCH: ConstStaticCell<[u32; PLAN.scratch_words]> =
    ConstStaticCell::new([0; PLAN.scratch_words]);

fn talk<W: Write>(uart: &mut W) -> Result<(), &'static str> {
    let model = Model::parse(&FILE.0).map_err(|_| "no model for this runtime")?; // every byte checked, once
    let mut session =
        Session::new(&model, STATE.take(), SCRATCH.take()).map_err(|_| "too little RAM")?;
    let mut sampler = Sampler::new(SamplerConfig::default());
    let mut token = u32::from(b'\n');
    loop {
        let mut logits = session.step(token).map_err(|_| "no model of bytes")?; // constant time, constant memory
        token = sampler.sample(&mut logits); // the head is computed in tiles
        uart.write_all(&[token as u8])
            .map_err(|_| "the line is down")?;
    }
}
// [end]

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut ended = Ok(());
    let stack = qemu::stack::peak_bytes(&mut || ended = talk(&mut Uart::default()));
    assert_eq!(ended, Err("the line is down"));
    show("stack", stack);
    done()
}
