//! A session kept in flash, forked and rolled back.

use std::error::Error;

use embedded_storage::nor_flash::NorFlash;
use sla_runtime::{Aligned, MemoryPlan, Model, Session};
use sla_store::Store;

use crate::snapshot::flash::Nor;

#[path = "../../../runtime/store/tests/common/mod.rs"]
mod flash;

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../data/format-v1.sla"));

// [docs/snapshot.md]
const SNAPSHOT: usize = MemoryPlan::snapshot_bytes_of_file(&FILE.0); // for a buffer, or to lay out the flash

/// Goes on where the power went, if it did.
fn resume<F: NorFlash>(session: &mut Session, store: &mut Store<F>) -> Result<(), Box<dyn Error>> {
    if store.bytes().is_some() {
        session.restore_with(|at, out| store.read(at, out))?;
    }
    Ok(())
}

fn keep<F: NorFlash>(session: &mut Session, store: &mut Store<F>) -> Result<(), Box<dyn Error>>
where
    F::Error: 'static,
{
    let snapshot = session.snapshot(); // a view: no second buffer
    store.write(snapshot.bytes(), |at, out| {
        snapshot.read(at, out);
    })?;
    Ok(())
}

/// What the session would say next, without going there.
fn look_ahead(
    session: &mut Session,
    draft: &mut Session,
    token: u32,
) -> Result<u32, Box<dyn Error>> {
    draft.copy_from(session)?; // a fork in RAM, nothing serialised
    Ok(draft.step(token)?.argmax())
}

/// The same in one session, with a rollback.
fn try_out(session: &mut Session, token: u32) -> Result<u32, Box<dyn Error>> {
    let mut bytes = [0; SNAPSHOT];
    session.save(&mut bytes)?;
    let next = session.step(token)?.argmax();
    session.restore(&bytes)?;
    Ok(next)
}
// [end]

#[test]
fn a_session_is_kept_forked_and_rolled_back() {
    let model = Model::parse(&FILE.0).expect("a model");
    let plan = model.plan();
    let buffers = || (vec![0; plan.state_words], vec![0; plan.scratch_words]);
    let (mut one, mut two, mut three) = (buffers(), buffers(), buffers());
    let mut session = Session::new(&model, &mut one.0, &mut one.1).expect("room");
    let mut draft = Session::new(&model, &mut two.0, &mut two.1).expect("room");
    let mut later = Session::new(&model, &mut three.0, &mut three.1).expect("room");

    // Two slots of 64 KiB.
    let mut store =
        Store::open(Nor::<4, 16, 4096>::new(vec![0xff; 0x2_0000]), 0..0x2_0000).expect("two slots");
    resume(&mut session, &mut store).expect("nothing to go on from");
    assert_eq!(session.position(), 0);
    for token in 1..5 {
        session.step(token).expect("a token of the model");
    }
    keep(&mut session, &mut store).expect("a whole flash");
    resume(&mut later, &mut store).expect("what was kept");
    assert_eq!(later.position(), 4);

    let ahead = look_ahead(&mut session, &mut draft, 5).expect("the same model");
    assert_eq!(try_out(&mut session, 5).expect("the same model"), ahead);
    assert_eq!((session.position(), draft.position()), (4, 5));
    assert_eq!(later.step(5).expect("a token of the model").argmax(), ahead);
}
