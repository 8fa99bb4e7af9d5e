//! The firmware of README.md, its stack measured.

#![no_std]
#![no_main]

use documents::{Uart, done, include_bytes, show};

// [README.md]
use embedded_io::Write;
use sla_runtime::{Aligned, MemoryPlan, Model, Sampler, SamplerConfig, Session};
use static_cell::ConstStaticCell as Cell;

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("shakespeare.sla"));
const PLAN: MemoryPlan = MemoryPlan::of_file(&FILE.0); // RAM to the byte, at compile time
static STATE: Cell<[u32; PLAN.state_words]> = Cell::new([0; PLAN.state_words]);
static SCRATCH: Cell<[u32; PLAN.scratch_words]> = Cell::new([0; PLAN.scratch_words]);

fn talk(uart: &mut impl Write) -> Option<()> {
    let model = Model::parse(&FILE.0).ok()?; // checks every byte, once
    let mut session = Session::new(&model, STATE.take(), SCRATCH.take()).ok()?;
    let mut sampler = Sampler::new(SamplerConfig::default());
    let mut token = u32::from(b'\n');
    loop {
        token = sampler.sample(&mut session.step(token).ok()?); // constant time and memory
        uart.write_all(&[token as u8]).ok()?;
    }
}
// [end]

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut ended = Some(());
    let stack = qemu::stack::peak_bytes(&mut || ended = talk(&mut Uart::default()));
    assert_eq!(ended, None, "the line is down");
    show("stack", stack);
    done()
}
