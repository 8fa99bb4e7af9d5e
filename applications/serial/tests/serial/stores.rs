//! Where sessions are kept: slots of RAM that are too short, and flash whose every call fails once.

use crate::line::{self, Fake, SILENT, answers, bytes_model, serve, snapshot_bytes, typed};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use sla_serial::{RamStore, Unfit};

/// Flash in memory, one call of which fails, having done nothing.
struct Flash {
    bytes: Vec<u8>,
    calls: usize,
    fail: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken(NorFlashErrorKind);

impl NorFlashError for Broken {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl Flash {
    const ERASE: usize = 4096;

    fn call(&mut self, checked: Result<(), NorFlashErrorKind>) -> Result<(), Broken> {
        self.calls += 1;
        checked.map_err(Broken)?;
        if self.calls == self.fail {
            Err(Broken(NorFlashErrorKind::Other))
        } else {
            Ok(())
        }
    }
}

impl ErrorType for Flash {
    type Error = Broken;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, at: u32, out: &mut [u8]) -> Result<(), Broken> {
        self.call(check_read(self, at, out.len()))?;
        out.copy_from_slice(&self.bytes[at as usize..][..out.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = Self::ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        self.call(check_erase(self, from, to))?;
        self.bytes[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Broken> {
        self.call(check_write(self, at, bytes.len()))?;
        for (place, byte) in self.bytes[at as usize..].iter_mut().zip(bytes) {
            assert_eq!(*place, 0xff, "programmed twice");
            *place = *byte;
        }
        Ok(())
    }
}

#[test]
fn a_session_survives_in_flash() {
    let case = bytes_model();
    let model = case.file.model();
    let region = 0..8 * Flash::ERASE as u32;
    let open = |flash| sla_store::Store::open(flash, region.clone()).expect("two slots");
    let empty = || Flash {
        bytes: vec![0xff; region.end as usize],
        calls: 0,
        fail: 0,
    };
    let talk = |store, script: &str| {
        let mut memory = case.file.memory();
        let session = memory.session(&model).unwrap();
        let (_, fake, store, failures) = serve(session, Fake::new([typed(script)]), store, SILENT);
        assert_eq!(failures, []);
        (fake.text(), store)
    };
    let (text, store) = talk(open(empty()), "/length 20\nab\n/save\n\n");
    let first = answers(&text)[3].to_owned();
    // After a reset: another firmware on the same flash.
    let flash = store.release();
    let kept = flash.bytes.clone();
    let (text, _) = talk(open(flash), "/length 20\n/restore\n\n");
    assert_eq!(answers(&text)[2], first);

    // Each call of a restore, and of another save.
    let (script, bytes) = (
        "/length 20\n/restore\n\n/save\n/restore\n\n",
        snapshot_bytes(&model),
    );
    let calls = |fail| {
        let mut store = open(Flash {
            bytes: kept.clone(),
            calls: 0,
            fail: 0,
        })
        .release();
        (store.calls, store.fail) = (0, 0);
        let opened = {
            let store = open(store);
            let flash = store.release();
            flash.calls
        };
        let flash = Flash {
            bytes: kept.clone(),
            calls: 0,
            fail: if fail == 0 { 0 } else { opened + fail },
        };
        let (text, store) = talk(open(flash), script);
        (text, store.release().calls - opened)
    };
    let (clean, count) = calls(0);
    assert_eq!(answers(&clean)[2], first);
    assert!(count > 100, "{count} calls");
    let (mut not_restored, mut not_saved) = (0, 0);
    for fail in 1..=count {
        let (text, _) = calls(fail);
        let all = answers(&text);
        assert_eq!(text.matches("error: ").count(), 1, "{fail}: {text}");
        let says = all
            .iter()
            .find(|answer| answer.starts_with("error"))
            .expect("an error");
        assert!(says.ends_with("flash: Broken(Other)"), "{fail}: {says}");
        not_restored += usize::from(says.starts_with("error: not restored"));
        not_saved += usize::from(says.starts_with("error: not saved"));
        // What was kept is still kept.
        if all[3].starts_with("error") {
            assert_eq!(
                all[4],
                format!("restored {bytes} bytes: goes on after 22 tokens"),
                "{fail}"
            );
            assert_eq!(all[5], first, "{fail}");
        }
    }
    assert!(not_restored > 0 && not_saved > 0 && not_restored + not_saved == count);
}

#[test]
fn a_slot_that_is_too_short_keeps_nothing() {
    let case = bytes_model();
    let model = case.file.model();
    let bytes = snapshot_bytes(&model);
    for room in [0, bytes - 1] {
        let (mut memory, mut slot) = (case.file.memory(), vec![0; room]);
        let script = typed("/save\n/restore\n");
        let session = memory.session(&model).unwrap();
        let (_, fake, ..) = serve(
            session,
            Fake::new([script]),
            RamStore::new(&mut slot),
            SILENT,
        );
        let says = format!(
            "error: not saved: a session of {bytes} bytes, the slot in RAM has room for {room}"
        );
        assert_eq!(
            answers(&fake.text()),
            [
                says.as_str(),
                "error: nothing is kept; /save keeps a session"
            ]
        );
    }
}

#[test]
fn a_session_of_another_model_is_refused() {
    let (one, other) = (bytes_model(), line::model_of(256, 4));
    let mut slot =
        vec![0; snapshot_bytes(&one.file.model()).max(snapshot_bytes(&other.file.model()))];
    let (first, second) = (one.file.model(), other.file.model());
    let (mut memory, mut others) = (one.file.memory(), other.file.memory());
    let (.., store, _) = serve(
        memory.session(&first).unwrap(),
        Fake::new([typed("/length 5\nab\n/save\n")]),
        RamStore::new(&mut slot),
        SILENT,
    );
    let script = typed("/length 20\nab\n/restore\n\n");
    let (session, fake, ..) = serve(
        others.session(&second).unwrap(),
        Fake::new([script]),
        store,
        SILENT,
    );
    let says = format!(
        "error: not restored: a snapshot of another model: of {:#010x}, this one is {:#010x}",
        first.id(),
        second.id()
    );
    assert_eq!(answers(&fake.text())[2], says);
    // It goes on where it was, with the random sequence where that was.
    assert_eq!(session.position(), 42);
    let undisturbed = line::dialogue(&other, [typed("/length 20\nab\n\n")]);
    assert_eq!(answers(&fake.text())[3], answers(&undisturbed)[2]);
}

#[test]
fn models_without_text_are_refused() {
    let shell = |case: &sla_tests::Case| {
        let (model, mut memory) = (case.file.model(), case.file.memory());
        let parts = sla_serial::Parts {
            uart: Fake::new([]),
            store: RamStore::new(&mut []),
            counter: (),
            line: &mut [0; 8],
            ids: &mut [],
            file_bytes: 0,
        };
        sla_serial::Shell::new(memory.session(&model).unwrap(), parts, SILENT).err()
    };
    assert_eq!(shell(&bytes_model()), None);
    assert_eq!(
        shell(&line::model_of(255, 1)),
        Some(Unfit::NoText { vocabulary: 255 })
    );
    assert_eq!(shell(&line::feature_model()), Some(Unfit::Features));
}
