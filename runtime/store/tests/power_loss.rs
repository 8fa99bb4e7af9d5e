//! The power goes at every byte of every write and erasure: what is there afterwards is the value from before or the new one, whole.

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
        .map(|i| (i.wrapping_mul(31) ^ number.wrapping_mul(97)).wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect()
}

fn put<const R: usize, const W: usize>(store: &mut Store<Flash<R, W>>, value: &[u8]) -> Result<(), StoreError<Fault>> {
    store.write(value.len(), |at, out| out.copy_from_slice(&value[at..at + out.len()]))
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
fn interrupt<const R: usize, const W: usize>(flash: &Flash<R, W>, before: Option<&[u8]>, after: &[u8], torn: Torn) {
    let mut whole = open(flash.rebooted());
    put(&mut whole, after).expect("no stop");
    let steps = whole.release().done;
    assert!(steps > after.len() + 2 * ERASE, "the write is not seen: {steps}");
    let (mut old, mut new) = (0, 0);
    for budget in 0..steps {
        let mut stopped = flash.rebooted();
        (stopped.budget, stopped.torn) = (Some(budget), torn);
        let mut store = open(stopped);
        let outcome = put(&mut store, after);
        assert_eq!(outcome, Err(StoreError::Flash(Fault::Stopped)), "stopped after {budget} of {steps}");
        // Without a reboot the value from before still reads.
        assert_eq!(get(&mut store).as_deref(), before, "after {budget} of {steps}, same session");
        let left = store.release();
        let mut store = open(left.rebooted());
        let found = get(&mut store);
        match found.as_deref() {
            found if found == before => old += 1,
            Some(found) if found == after => new += 1,
            _ => panic!("after {budget} of {steps} bytes ({torn:?}): neither the old nor the new value"),
        }
        // And the store works on, from whatever was left.
        put(&mut store, b"later").expect("no stop");
        assert_eq!(get(&mut open(store.release().rebooted())).as_deref(), Some(&b"later"[..]), "after {budget}");
    }
    // The record's last byte decides; what fills its unit comes after it.
    assert!(old >= steps - W.max(R) && old + new == steps, "{old} old and {new} new of {steps}");
}

fn at_every_byte<const R: usize, const W: usize>() {
    let garbage: Vec<u8> = value(7, FLASH_BYTES);
    for torn in [Torn::Front, Torn::Back, Torn::Bits] {
        // The very first write, over what something else left there.
        interrupt(&Flash::<R, W>::new(garbage.clone()), None, &value(1, 300), torn);
        let mut store = open(Flash::<R, W>::new(garbage.clone()));
        let values = [value(1, 300), value(2, 777), value(3, 1), value(4, 0)];
        for (before, after) in values.iter().zip(values.iter().cycle().skip(1)) {
            put(&mut store, before).expect("no stop");
            let flash = store.release();
            interrupt(&flash, Some(before), after, torn);
            store = open(flash.rebooted());
            assert_eq!(get(&mut store).as_ref(), Some(before));
        }
        let flash = store.release();
        let outside = |bytes: &[u8]| [&bytes[..REGION.start as usize], &bytes[REGION.end as usize..]].concat();
        assert_eq!(outside(&flash.bytes), outside(&garbage), "nothing outside the region is touched");
    }
}

#[test]
fn power_loss_at_every_byte() {
    at_every_byte::<1, 1>();
    at_every_byte::<1, 4>();
    at_every_byte::<4, 4>();
    at_every_byte::<4, 16>();
    at_every_byte::<16, 32>();
}

#[test]
fn power_loss_twice_in_a_row() {
    let (first, second, third) = (value(1, 200), value(2, 200), value(3, 200));
    let mut store = open(Flash::<1, 4>::new(vec![0xff; FLASH_BYTES]));
    put(&mut store, &first).expect("no stop");
    let flash = store.release();
    for budget in (0..1_300).step_by(37) {
        for again in (0..1_300).step_by(41) {
            let mut stopped = flash.rebooted();
            stopped.budget = Some(budget);
            let mut store = open(stopped);
            let done = put(&mut store, &second).is_ok();
            let mut stopped = store.release().rebooted();
            stopped.budget = Some(again);
            let mut store = open(stopped);
            let found = get(&mut store);
            assert!(found.as_ref() == Some(if done { &second } else { &first }), "{budget}");
            let done = put(&mut store, &third).is_ok();
            let left = get(&mut open(store.release().rebooted()));
            assert!(left == found || left.as_ref() == Some(&third), "{budget}, {again}");
            assert!(!done || left.as_ref() == Some(&third));
        }
    }
}

#[test]
fn the_newest_whole_value_wins_and_slots_take_turns() {
    let mut store = open(Flash::<1, 1>::new(vec![0; FLASH_BYTES]));
    assert_eq!((store.bytes(), store.sequence(), store.location()), (None, None, None));
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
        assert_eq!(fallback, (number > 1).then(|| value(number - 1, 99 + number as usize)), "decay of value {number}");
        store = open(flash.rebooted());
        assert_eq!(get(&mut store), Some(value(number, 100 + number as usize)));
        let location = store.location().expect("a value");
        let flash = store.release();
        assert_eq!(flash.bytes[location.start as usize..location.end as usize], value(number, 100 + number as usize));
        store = open(flash);
    }
    assert!(places.windows(3).all(|p| p[0] != p[1] && p[0] == p[2]), "{places:?}");
}

/// CRC-32 bit by bit, as IEEE 802.3 has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Every byte from docs/snapshot.md S3.1 alone.
#[test]
fn the_layout_is_the_documented_one() {
    let mut store = open(Flash::<4, 32>::new(vec![0x77; FLASH_BYTES]));
    let values = [value(1, 5), value(2, 70)];
    values.iter().for_each(|value| put(&mut store, value).expect("no stop"));
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
    for (start, end) in [(0, 511), (1, 1025), (0, 1536), (0, 512), (1024, 1024), (2048, 1024), (0, 8 * 512), (0, 0)] {
        let error = Store::open(flash(), start..end).err();
        assert_eq!(error, Some(StoreError::Region { start, end, erase_bytes: ERASE }), "{start}..{end}");
    }
    let mut store = open(flash());
    let capacity = store.capacity();
    assert_eq!(capacity, 1024 - 16);
    assert_eq!(put(&mut store, &vec![1; capacity + 1]), Err(StoreError::TooLong { bytes: capacity + 1, capacity }));
    assert_eq!(store.read(0, &mut [0]), Err(StoreError::Range { at: 0, len: 1, have: 0 }));
    let untouched = store.release();
    assert_eq!((untouched.done, &untouched.bytes[..]), (0, &[0x55; FLASH_BYTES][..]));
    let mut store = open(untouched);
    let full = value(9, capacity);
    put(&mut store, &full).expect("exactly full");
    assert_eq!(get(&mut open(store.release().rebooted())), Some(full));
}
