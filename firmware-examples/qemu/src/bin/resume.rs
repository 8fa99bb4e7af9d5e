//! The `resume` binary: a warm start. The session behind a prompt was computed on the host (`sla
//! snapshot`) and lies in flash beside the model: after a reset the first token costs what any
//! other does.

#![no_std]
#![no_main]

use sla_runtime::{Checksum, Logits, Model, Session};

use qemu::semihost::exit;
use qemu::stop::{no_memory, no_model, stop};
use qemu::{Arguments, Console, Counter, Memory, boot, entry, machine, model};

/// The snapshot of this image: the file that `SLA_SNAPSHOT` named when it was built, else empty.
static SNAPSHOT: &[u8] = include_bytes!(env!("SLA_SNAPSHOT_PATH"));

/// Restores the image's snapshot, generates `tokens=N` tokens (16 by default), prints one `@resume`
/// line of `key=value` words, and exits with 0. `digest` is the CRC-32 of the logits right after
/// the restore and after each token, each token being the largest of the logits before it;
/// `snapshot` is that of the session's own snapshot at the end.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    let token_count = Arguments::number("tokens=", 16);
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let mut memory = Memory::take(&model).unwrap_or_else(|| no_memory());
    let self_test = counter.count(&mut || boot::self_test(&model, &mut memory));
    let mut session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory());
    let mut restored = false;
    let restore = counter.count(&mut || restored = session.restore(SNAPSHOT).is_ok());
    if !restored {
        stop("no snapshot of this model in the image: build it with SLA_SNAPSHOT");
    }
    let position = session.position();
    let mut digest = Checksum::default();
    let mut token = take(&mut session.logits(), &mut digest);
    for _ in 0..token_count {
        let Ok(mut logits) = session.step(token) else {
            stop("the model is no language model")
        };
        token = take(&mut logits, &mut digest);
    }
    let mut made = 0;
    let save = counter.count(&mut || made = session.snapshot().crc());
    let snapshot = session.snapshot();

    console
        .text("@resume")
        .key("machine")
        .text(machine::NAME)
        .key("backend")
        .text(sla_kernels::backend());
    console
        .key("position")
        .number(position)
        .key("tokens")
        .number(token_count.into());
    console
        .key("digest")
        .hex(digest.finish())
        .key("snapshot")
        .hex(made);
    console
        .key("snapshot_bytes")
        .number(snapshot.bytes() as u64);
    console.key("save_insns").number(save.into());
    console
        .key("restore_insns")
        .number(restore.into())
        .key("self_test_insns")
        .number(self_test.into())
        .end();
    exit(0)
}

/// Adds the logits to the digest and chooses the largest.
fn take(logits: &mut Logits, digest: &mut Checksum) -> u32 {
    logits.digest(digest);
    logits.argmax()
}
