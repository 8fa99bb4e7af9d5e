//! The power goes at every byte of every write and erasure: what is there afterwards is the value
//! from before or the new one, whole.

mod common;

use common::{Fault, Nor, Torn};
use sla_store::{Store, StoreError};

/// Slots of two erase units each, not at the start of the flash.
const ERASE: usize = 512;
const REGION: std::ops::Range<u32> = 512..512 + 4 * 512;
const FLASH_BYTES: usize = 6 * 512;

type Flash<const READ: usize, const WRITE: usize> = Nor<READ, WRITE, ERASE>;

/// Bytes that no two values share.
fn value(number: u32, len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| {
            (i.wrapping_mul(31) ^ number.wrapping_mul(97))
                .wrapping_mul(2_654_435_761)
                .to_be_bytes()[0]
        })
        .collect()
}

fn put<const R: usize, const W: usize>(
    store: &mut Store<Flash<R, W>>,
    value: &[u8],
) -> Result<(), StoreError<Fault>> {
    store.write(value.len(), |at, out| {
        out.copy_from_slice(&value[at..at + out.len()])
    })
}

fn get<const R: usize, const W: usize>(store: &mut Store<Flash<R, W>>) -> Option<Vec<u8>> {
    let mut value = vec![0; store.bytes()?];
    store.read(0, &mut value).expect("within the value");
    Some(value)
}

fn open<const R: usize, const W: usize>(flash: Flash<R, W>) -> Store<Flash<R, W>> {
    Store::open(flash, REGION).expect("a good region and no fault")
}

/// Interrupts one write, of `after` over `before`, at every byte.
fn interrupt<const R: usize, const W: usize>(
    flash: &Flash<R, W>,
    before: Option<&[u8]>,
    after: &[u8],
    torn: Torn,
) {
    let mut whole = open(flash.rebooted());
    put(&mut whole, after).expect("no stop");
    let steps = whole.release().done;
    assert!(
        steps > after.len() + 2 * ERASE,
        "the write is not seen: {steps}"
    );
    let (mut old, mut new, mut unreadable) = (0, 0, 0);
    for budget in 0..steps {
        let mut stopped = flash.rebooted();
        (stopped.budget, stopped.torn) = (Some(budget), torn);
        let mut store = open(stopped);
        let outcome = put(&mut store, after);
        assert_eq!(
            outcome,
            Err(StoreError::Flash(Fault::Stopped)),
            "stopped after {budget} of {steps}"
        );
        // Without a reboot the value from before still reads.
        assert_eq!(
            get(&mut store).as_deref(),
            before,
            "after {budget} of {steps}, same session"
        );
        let left = store.release();
        let mut store = open(left.rebooted());
        assert!(flash.has_ecc || store.unreadable().is_none());
        unreadable += usize::from(store.unreadable() == Some(&StoreError::Flash(Fault::Ecc)));
        let found = get(&mut store);
        match found.as_deref() {
            found if found == before => old += 1,
            Some(found) if found == after => new += 1,
            _ => panic!(
                "after {budget} of {steps} bytes ({torn:?}): neither the old nor the new value"
            ),
        }
        // And the store works on, from whatever was left.
        put(&mut store, b"later").expect("no stop");
        assert_eq!(
            get(&mut open(store.release().rebooted())).as_deref(),
            Some(&b"later"[..]),
            "after {budget}"
        );
    }
    // The record's last byte decides; what fills its unit comes after it.
    assert!(
        old >= steps - W.max(R) && old + new == steps,
        "{old} old and {new} new of {steps}"
    );
    assert!(
        !flash.has_ecc || unreadable > W,
        "{unreadable} unreadable slots of {steps}"
    );
}

fn at_every_byte<const R: usize, const W: usize>(has_ecc: bool) {
    let garbage: Vec<u8> = value(7, FLASH_BYTES);
    let fresh = || Flash::<R, W> {
        has_ecc,
        ..Flash::new(garbage.clone())
    };
    for torn in [Torn::Front, Torn::Back, Torn::Bits] {
        // The very first write, over what something else left there.
        interrupt(&fresh(), None, &value(1, 300), torn);
        let mut store = open(fresh());
        let values = [value(1, 300), value(2, 777), value(3, 1), value(4, 0)];
        for (before, after) in values.iter().zip(values.iter().cycle().skip(1)) {
            put(&mut store, before).expect("no stop");
            let flash = store.release();
            interrupt(&flash, Some(before), after, torn);
            store = open(flash.rebooted());
            assert_eq!(get(&mut store).as_ref(), Some(before));
        }
        let flash = store.release();
        let outside = |bytes: &[u8]| {
            [
                &bytes[..REGION.start as usize],
                &bytes[REGION.end as usize..],
            ]
            .concat()
        };
        assert_eq!(
            outside(&flash.bytes),
            outside(&garbage),
            "nothing outside the region is touched"
        );
    }
}

#[test]
fn power_loss_at_every_byte() {
    at_every_byte::<1, 1>(false);
    at_every_byte::<1, 4>(false);
    at_every_byte::<4, 4>(false);
    at_every_byte::<4, 16>(false);
    at_every_byte::<16, 32>(false);
}

/// Error correction works on whole write units: what the power went in does not read until it is
/// erased.
#[test]
fn power_loss_at_every_byte_with_error_correction() {
    at_every_byte::<1, 8>(true);
    at_every_byte::<4, 16>(true);
    at_every_byte::<16, 32>(true);
}

#[test]
fn power_loss_twice_in_a_row() {
    let (first, second, third) = (value(1, 200), value(2, 200), value(3, 200));
    for has_ecc in [false, true] {
        let mut store = open(Flash::<1, 4> {
            has_ecc,
            ..Flash::new(vec![0xff; FLASH_BYTES])
        });
        put(&mut store, &first).expect("no stop");
        twice(store.release(), [&first, &second, &third]);
    }
}

fn twice(flash: Flash<1, 4>, [first, second, third]: [&Vec<u8>; 3]) {
    for budget in (0..1_300).step_by(37) {
        for again in (0..1_300).step_by(41) {
            let mut stopped = flash.rebooted();
            stopped.budget = Some(budget);
            let mut store = open(stopped);
            let done = put(&mut store, second).is_ok();
            let mut stopped = store.release().rebooted();
            stopped.budget = Some(again);
            let mut store = open(stopped);
            let found = get(&mut store);
            assert!(
                found.as_ref() == Some(if done { second } else { first }),
                "{budget}"
            );
            let done = put(&mut store, third).is_ok();
            let left = get(&mut open(store.release().rebooted()));
            assert!(
                left == found || left.as_ref() == Some(third),
                "{budget}, {again}"
            );
            assert!(!done || left.as_ref() == Some(third));
        }
    }
}

#[test]
fn the_newest_whole_value_wins_and_slots_take_turns() {
    let mut store = open(Flash::<1, 1>::new(vec![0; FLASH_BYTES]));
    assert_eq!(
        (store.bytes(), store.sequence(), store.location()),
        (None, None, None)
    );
    let mut places = Vec::new();
    for number in 1..8 {
        put(&mut store, &value(number, 100 + number as usize)).expect("no stop");
        assert_eq!(store.sequence(), Some(number));
        places.push(store.location().expect("a value").start);
        let flash = store.release();
        // A decayed byte of the newest value: the one from before is there.
        let (start, mut decayed) = (places[places.len() - 1] as usize, flash.rebooted());
        decayed.bytes[start + 50] ^= 0x10;
        let fallback = get(&mut open(decayed));
        assert_eq!(
            fallback,
            (number > 1).then(|| value(number - 1, 99 + number as usize)),
            "decay of value {number}"
        );
        store = open(flash.rebooted());
        assert_eq!(get(&mut store), Some(value(number, 100 + number as usize)));
        let location = store.location().expect("a value");
        let flash = store.release();
        assert_eq!(
            flash.bytes[location.start as usize..location.end as usize],
            value(number, 100 + number as usize)
        );
        store = open(flash);
    }
    assert!(
        places.windows(3).all(|p| p[0] != p[1] && p[0] == p[2]),
        "{places:?}"
    );
}

/// CRC-32 bit by bit, as IEEE 802.3 has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Every byte from docs/snapshot.md S3.1 alone.
#[test]
fn the_layout_is_the_documented_one() {
    let mut store = open(Flash::<4, 32>::new(vec![0x77; FLASH_BYTES]));
    let values = [value(1, 5), value(2, 70)];
    values
        .iter()
        .for_each(|value| put(&mut store, value).expect("no stop"));
    let mut want = vec![0x77; FLASH_BYTES];
    want[REGION.start as usize..REGION.end as usize].fill(0xff);
    for (number, value) in (1u32..).zip(&values) {
        let slot = REGION.start as usize + 2 * ERASE * (number as usize - 1);
        let words = [u32::from_le_bytes(*b"SLR\x7f"), number, value.len() as u32];
        let mut record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        record.extend(crc(&[&record[..], value].concat()).to_le_bytes());
        want[slot..slot + 16].copy_from_slice(&record);
        want[slot + 32..slot + 32 + value.len()].copy_from_slice(value);
    }
    assert_eq!(store.release().bytes, want);
}

#[test]
fn every_changed_byte_of_a_slot_is_noticed() {
    let mut store = open(Flash::<1, 4>::new(vec![0xff; FLASH_BYTES]));
    put(&mut store, &value(1, 321)).expect("no stop");
    let location = store.location().expect("a value");
    let flash = store.release();
    for at in REGION.start as usize..location.end as usize {
        for bit in 0..8 {
            let mut changed = flash.rebooted();
            changed.bytes[at] ^= 1 << bit;
            assert_eq!(open(changed).bytes(), None, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn reads_of_any_place_and_length() {
    let whole = value(5, 900);
    let mut store = open(Flash::<16, 32>::new(vec![0; FLASH_BYTES]));
    put(&mut store, &whole).expect("no stop");
    for at in 0..=whole.len() {
        for len in [0, 1, 3, 16, 255, 256, 257, 600] {
            let mut out = vec![0xaa; len];
            let outcome = store.read(at, &mut out);
            match whole.get(at..at + len) {
                Some(bytes) => assert_eq!((outcome, &out[..]), (Ok(()), bytes), "{len} from {at}"),
                None => assert_eq!(outcome, Err(StoreError::Range { at, len, have: 900 })),
            }
        }
    }
    assert!(store.read(usize::MAX, &mut [0; 2]).is_err());
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_written() {
    let flash = || Flash::<1, 4>::new(vec![0x55; FLASH_BYTES]);
    for (start, end) in [
        (0, 511),
        (1, 1025),
        (0, 1536),
        (0, 512),
        (1024, 1024),
        (2048, 1024),
        (0, 8 * 512),
        (0, 0),
    ] {
        let error = Store::open(flash(), start..end).err();
        assert_eq!(
            error,
            Some(StoreError::Region {
                start,
                end,
                erase_bytes: ERASE
            }),
            "{start}..{end}"
        );
    }
    // A slot is longer than the 256 bytes that are read at a time, which hold its record.
    let opened = |slot_bytes: u32| {
        let flash = Nor::<1, 4, 64>::new(vec![0xff; 1024]);
        Store::open(flash, 0..2 * slot_bytes).is_ok()
    };
    assert_eq!([192, 256, 320].map(opened), [false, false, true]);
    let mut store = open(flash());
    let capacity = store.capacity();
    assert_eq!(capacity, 1024 - 16);
    assert_eq!(
        put(&mut store, &vec![1; capacity + 1]),
        Err(StoreError::TooLong {
            bytes: capacity + 1,
            capacity
        })
    );
    assert_eq!(
        store.read(0, &mut [0]),
        Err(StoreError::Range {
            at: 0,
            len: 1,
            have: 0
        })
    );
    let untouched = store.release();
    assert_eq!(
        (untouched.done, &untouched.bytes[..]),
        (0, &[0x55; FLASH_BYTES][..])
    );
    let mut store = open(untouched);
    let full = value(9, capacity);
    put(&mut store, &full).expect("exactly full");
    assert_eq!(get(&mut open(store.release().rebooted())), Some(full));
}

/// A unit of the newest value or of its record does not read any more: the value from before is the
/// value, and the next write mends the slot.
#[test]
fn decay_beyond_correction_uncovers_the_value_from_before() {
    let mut store = open(Flash::<4, 16>::new(vec![0; FLASH_BYTES]).with_ecc());
    let values = [value(1, 300), value(2, 290), value(3, 280)];
    put(&mut store, &values[0]).expect("no stop");
    put(&mut store, &values[1]).expect("no stop");
    let location = store.location().expect("a value");
    let flash = store.release();
    let units = location.start as usize / 16 - 1..(location.end as usize).div_ceil(16);
    for unit in units {
        let mut decayed = flash.rebooted();
        decayed.torn_units[unit] = true;
        let mut store = open(decayed.clone());
        assert_eq!(
            store.unreadable(),
            Some(&StoreError::Flash(Fault::Ecc)),
            "unit {unit}"
        );
        assert_eq!(
            (get(&mut store), store.sequence()),
            (Some(values[0].clone()), Some(1)),
            "unit {unit}"
        );
        put(&mut store, &values[2]).expect("no stop");
        let mut store = open(store.release().rebooted());
        assert!(store.unreadable().is_none());
        assert_eq!(
            (get(&mut store), store.sequence()),
            (Some(values[2].clone()), Some(2)),
            "unit {unit}"
        );
        // While the store is open: the read says so.
        let mut store = open(flash.rebooted());
        let mut flash = store.release();
        flash.torn_units[unit] = true;
        store = open(flash);
        assert!(store.read(0, &mut [0; 300]).is_ok());
        // Both at once: nothing is left, and the store works on.
        decayed.torn_units[REGION.start as usize / 16] = true;
        let mut store = open(decayed);
        assert_eq!((store.bytes(), store.unreadable().is_some()), (None, true));
        put(&mut store, &values[2]).expect("no stop");
        assert_eq!(
            get(&mut open(store.release().rebooted())).as_ref(),
            Some(&values[2])
        );
    }
}

/// Each call of the flash fails once, or from then on: errors are reported, no value is lost, and
/// the store opens.
#[test]
fn every_call_of_the_flash_may_fail() {
    let values = [value(1, 600), value(2, 700), value(3, 500)];
    let mut store = open(Flash::<4, 16>::new(vec![0; FLASH_BYTES]));
    put(&mut store, &values[0]).expect("no stop");
    put(&mut store, &values[1]).expect("no stop");
    let flash = store.release();
    let mut store = open(flash.rebooted());
    let opening = store.release().calls;
    store = open(flash.rebooted());
    put(&mut store, &values[2]).expect("no stop");
    assert_eq!(get(&mut store).as_ref(), Some(&values[2]));
    let calls = store.release().calls;
    let mut counts = [0; 3];
    for call in 0..calls {
        for failing in [call..call + 1, call..usize::MAX] {
            let is_dead = failing.end == usize::MAX;
            let mut store = open(Flash {
                failing,
                ..flash.rebooted()
            });
            assert_eq!(
                store.unreadable(),
                (call < opening).then_some(&StoreError::Flash(Fault::Failed))
            );
            let written = put(&mut store, &values[2]);
            let read = get_or_error(&mut store);
            assert!(
                written.is_err() || read.is_err() || call < opening,
                "call {call}: no error is seen"
            );
            assert!(!is_dead || written.is_err() || read.is_err());
            counts[0] += usize::from(call < opening);
            counts[1] += usize::from(written.is_err());
            counts[2] += usize::from(written.is_ok() && read.is_err());
            // Later, with a flash that works: a value that was there, or the new one where the
            // write said so.
            let mut store = open(store.release().rebooted());
            let found = get(&mut store).expect("a value");
            assert!(values.contains(&found), "call {call}");
            assert!(written.is_err() || found == values[2], "call {call}");
            assert!(
                call < opening || found != values[0],
                "call {call}: the newest value is lost"
            );
        }
    }
    assert!(counts.iter().all(|&count| count > 3), "{counts:?}");
}

fn get_or_error<const R: usize, const W: usize>(
    store: &mut Store<Flash<R, W>>,
) -> Result<Vec<u8>, StoreError<Fault>> {
    let mut value = vec![0; store.bytes().unwrap_or(1)];
    store.read(0, &mut value).map(|()| value)
}

/// Flash that programs a wrong bit and reports nothing: the write says so, and the value from
/// before stays.
#[test]
fn what_does_not_read_back_is_reported() {
    let mut store = open(Flash::<1, 4>::new(vec![0; FLASH_BYTES]));
    put(&mut store, &value(1, 600)).expect("no stop");
    let flash = store.release();
    let opening = open(flash.rebooted()).release().calls;
    let mut store = open(flash.rebooted());
    put(&mut store, &value(2, 600)).expect("no stop");
    let calls = store.release().calls;
    let mut lies = 0;
    for call in opening..calls {
        let mut store = open(Flash {
            lying: Some(call),
            ..flash.rebooted()
        });
        if put(&mut store, &value(2, 600)).is_ok() {
            continue;
        }
        lies += 1;
        assert_eq!(get(&mut store), Some(value(1, 600)), "call {call}");
        assert_eq!((store.sequence(), store.unreadable()), (Some(1), None));
        let mut store = open(store.release().rebooted());
        assert_eq!(get(&mut store), Some(value(1, 600)), "call {call}");
    }
    // Three chunks and the record.
    assert_eq!(lies, 4);
    let mut store = open(Flash {
        lying: Some(calls - 2 - 600 / 256 - 1),
        ..flash.rebooted()
    });
    let second = REGION.start + 2 * ERASE as u32;
    assert_eq!(
        put(&mut store, &value(2, 600)),
        Err(StoreError::Verify { slot: second }),
        "the record"
    );
}

/// Without a value either slot will do: one that is worn out does not keep the other from being
/// used.
#[test]
fn the_other_slot_is_tried_after_a_failure() {
    for lying in [Some(2), None] {
        let mut flash = Flash::<1, 4>::new(vec![0; FLASH_BYTES]);
        (flash.lying, flash.failing) = (
            lying.map(|call| call + 1),
            if lying.is_none() { 2..3 } else { 0..0 },
        );
        let mut store = open(flash);
        assert!(put(&mut store, &value(1, 100)).is_err());
        assert_eq!(store.bytes(), None);
        put(&mut store, &value(2, 100)).expect("the other slot is good");
        let second = REGION.start + 2 * ERASE as u32;
        assert_eq!(store.location().map(|at| at.start), Some(second + 16));
        assert_eq!(
            get(&mut open(store.release().rebooted())),
            Some(value(2, 100))
        );
    }
}

/// A slot with a record made by hand.
fn plant<const R: usize, const W: usize>(
    flash: &mut Flash<R, W>,
    slot: usize,
    sequence: u32,
    value: &[u8],
) {
    let words = [
        u32::from_le_bytes(*b"SLR\x7f"),
        sequence,
        value.len() as u32,
    ];
    let mut record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    record.extend(crc(&[&record[..], value].concat()).to_le_bytes());
    record.extend(value);
    let at = REGION.start as usize + 2 * ERASE * slot;
    flash.bytes[at..at + record.len()].copy_from_slice(&record);
}

#[test]
fn sequence_numbers_wrap() {
    for (older, newer) in [
        (1, 2),
        (u32::MAX, 0),
        (u32::MAX - 5, 3),
        (0x7fff_ffff, 0x8000_0000),
        (0, 0x7fff_ffff),
        (0x8000_0001, 0),
        (5, 5 + 0x7fff_ffff),
    ] {
        for slots in [[0, 1], [1, 0]] {
            let mut flash = Flash::<1, 4>::new(vec![0xff; FLASH_BYTES]);
            plant(&mut flash, slots[0], older, b"older");
            plant(&mut flash, slots[1], newer, b"newer");
            let mut store = open(flash);
            assert_eq!(
                (get(&mut store).as_deref(), store.sequence()),
                (Some(&b"newer"[..]), Some(newer))
            );
            put(&mut store, b"newest").expect("no stop");
            assert_eq!(store.sequence(), Some(newer.wrapping_add(1)));
            let mut store = open(store.release().rebooted());
            let next = newer.wrapping_add(1);
            assert_eq!(
                (get(&mut store).as_deref(), store.sequence()),
                (Some(&b"newest"[..]), Some(next))
            );
        }
    }
}

#[test]
fn errors_say_what_and_where_in_one_line() {
    for (error, text) in [
        (StoreError::Flash(Fault::Ecc), "flash: Ecc"),
        (
            StoreError::Region {
                start: 16,
                end: 32,
                erase_bytes: 512,
            },
            "0x10..0x20 is not two slots of whole erase units of 512 bytes in the flash",
        ),
        (
            StoreError::TooLong {
                bytes: 9,
                capacity: 8,
            },
            "9 bytes, a slot has room for 8",
        ),
        (
            StoreError::Range {
                at: 3,
                len: 5,
                have: 7,
            },
            "bytes 3 to 8 of a value of 7",
        ),
        (
            StoreError::Verify { slot: 512 },
            "the slot at 0x200 does not hold what was written",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
