//! Every clause of docs/snapshot.md S1 and S2 on models made by hand, at each bound and one beyond
//! it, and with sources that change between reads.

#[path = "../format/tests/small_models/mod.rs"]
mod small_models;

use sla_format::{
    Backbone, Checksum, MemoryPlan, ModelDesc, SectionKind, SnapshotHeader, StateKind, States, seal,
};
use sla_runtime::{Model, Session, SnapshotError};
use small_models::{Aligned, BACKBONES, desc, file};

const KINDS: [StateKind; 2] = [StateKind::Int32, StateKind::Int16];
const SELF_TEST: [u8; 12] = [1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0];

/// Every backbone with either state, and Gated DeltaNet with tied embeddings.
fn cases() -> Vec<(ModelDesc, StateKind, Aligned)> {
    let mut descs = BACKBONES.map(desc).to_vec();
    descs.push(ModelDesc {
        flags: ModelDesc::TIED,
        outputs: 11,
        ..desc(Backbone::GatedDeltaNet)
    });
    let each = descs
        .into_iter()
        .flat_map(|desc| KINDS.map(|kind| (desc, kind)));
    each.map(|(desc, kind)| {
        let states = [kind as u8; 2];
        let more = [
            (SectionKind::SelfTest, &SELF_TEST[..]),
            (SectionKind::States, &states[..]),
        ];
        (desc, kind, Aligned::of(&file(&desc, &more)))
    })
    .collect()
}

/// Buffers that hold something already.
struct Memory(Vec<u32>, Vec<u32>);

impl Memory {
    fn of(model: &Model) -> Self {
        Self(
            vec![0x8000_0001; model.plan().state_words],
            vec![0x7fff_fffe; model.plan().scratch_words],
        )
    }

    fn session<'s, 'm>(&'s mut self, model: &'s Model<'m>) -> Session<'s, 'm> {
        Session::new(model, &mut self.0, &mut self.1).expect("buffers of the planned sizes")
    }
}

fn run(session: &mut Session, steps: std::ops::Range<u32>) -> Vec<u32> {
    let digest = |t: u32| {
        let mut digest = Checksum::default();
        session
            .step(t * 7 % 11)
            .expect("a token of the vocabulary")
            .digest(&mut digest);
        digest.finish()
    };
    steps.map(digest).collect()
}

fn digest(session: &mut Session) -> u32 {
    let mut digest = Checksum::default();
    session.logits().digest(&mut digest);
    digest.finish()
}

fn saved(session: &mut Session) -> Vec<u8> {
    let mut bytes = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut bytes), Ok(bytes.len()));
    bytes
}

/// CRC-32 bit by bit, as IEEE 802.3 has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn sealed(mut snapshot: Vec<u8>) -> Vec<u8> {
    let end = snapshot.len() - 4;
    let crc = crc(&snapshot[..end]);
    snapshot[end..].copy_from_slice(&crc.to_le_bytes());
    snapshot
}

fn get(bytes: &[u8], word: usize) -> u32 {
    u32::from_le_bytes(
        bytes[4 * word..4 * word + 4]
            .try_into()
            .expect("four bytes"),
    )
}

fn put(bytes: &mut [u8], word: usize, value: u32) {
    bytes[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
}

/// Where a layer's fields begin in a snapshot, in words (F7.2).
struct Layout {
    s: usize,
    head_words: usize,
    carry: usize,
    frac: usize,
    mask: usize,
    end: usize,
}

impl Layout {
    fn of(desc: &ModelDesc, kind: StateKind, layer: usize) -> Self {
        let (heads, head_words) = (desc.state_heads as usize, kind.head_words(desc));
        let s = SnapshotHeader::WORDS + 4 + layer * MemoryPlan::layer_state_words(desc, kind);
        let carry = s + heads * head_words;
        let frac = carry + desc.carry_len();
        let mask = frac + heads;
        Self {
            s,
            head_words,
            carry,
            frac,
            mask,
            end: s + MemoryPlan::layer_state_words(desc, kind),
        }
    }
}

/// The magnitude mask of a head (numerics.md N6.4, N6.9), number by number.
fn mask(words: impl Iterator<Item = u32>, kind: StateKind) -> u32 {
    words.fold(0, |mask, word| match kind {
        StateKind::Int32 => {
            let x = word as i32;
            let bits = 32 - (if x < 0 { !x } else { x }).leading_zeros();
            mask | ((1u64 << bits) - 1) as u32
        }
        StateKind::Int16 => {
            mask | [word, word >> 16]
                .into_iter()
                .fold(0, |mask, half| mask | (half ^ half >> 1) & 0x7fff)
                & 0x7fff
        }
    })
}

/// A snapshot in which head 1 of layer 1 holds `value` somewhere, and the mask that belongs to it.
fn with_state_word(good: &[u8], at: &Layout, kind: StateKind, value: u32) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let head = at.s + at.head_words..at.s + 2 * at.head_words;
    put(&mut bytes, head.start + 2, value);
    let mask = mask(head.map(|word| get(&bytes, word)), kind);
    put(&mut bytes, at.mask + 1, mask);
    sealed(bytes)
}

#[test]
fn a_restored_session_goes_on_with_the_same_bits() {
    for (desc, kind, file) in cases() {
        let model = Model::parse(file.bytes()).expect("a valid file");
        let (mut first, mut second, mut third) =
            (Memory::of(&model), Memory::of(&model), Memory::of(&model));
        let (mut session, mut other) = (first.session(&model), second.session(&model));
        let empty = saved(&mut session);
        assert!(
            empty[4 * SnapshotHeader::WORDS..empty.len() - 4]
                .iter()
                .all(|&byte| byte == 0)
        );
        other.restore(&empty).expect("the start of a stream");
        for from in [0, 1, 2, 9] {
            session.reset();
            run(&mut session, 0..from);
            let snapshot = saved(&mut session);
            assert_eq!(snapshot, sealed(snapshot.clone()), "the checksum (S1.5)");
            assert_eq!(snapshot.len(), model.plan().snapshot_bytes(&desc));
            run(&mut other, 3..6);
            other.restore(&snapshot).expect("its own snapshot");
            assert_eq!(other.position(), u64::from(from));
            assert_eq!(saved(&mut other), snapshot, "{:?} {kind:?}", desc.backbone);
            if from > 0 {
                assert_eq!(
                    digest(&mut other),
                    digest(&mut session),
                    "the logits at once"
                );
            }
            let mut copy = third.session(&model);
            copy.copy_from(&mut session).expect("the same model");
            let want = run(&mut session, from..from + 8);
            assert_eq!(run(&mut other, from..from + 8), want);
            assert_eq!(run(&mut copy, from..from + 8), want);
            assert_eq!(saved(&mut copy), saved(&mut session));
        }
        // The data is worth something: states and masks are not all zero.
        let snapshot = saved(&mut session);
        let mut is_used = false;
        for layer in 0..2 {
            let at = Layout::of(&desc, kind, layer);
            for head in 0..desc.state_heads as usize {
                let words = (at.s + head * at.head_words..)
                    .take(at.head_words)
                    .map(|word| get(&snapshot, word));
                assert_eq!(
                    mask(words, kind),
                    get(&snapshot, at.mask + head),
                    "{:?} {kind:?}",
                    desc.backbone
                );
            }
            is_used |= (at.mask..at.mask + 2).any(|word| get(&snapshot, word) != 0);
        }
        assert!(
            is_used,
            "{:?} {kind:?}: an empty state tests nothing",
            desc.backbone
        );
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let (desc, kind, file) = cases().swap_remove(3);
    let model = Model::parse(file.bytes()).expect("a valid file");
    let mut memory = Memory::of(&model);
    let mut session = memory.session(&model);
    run(&mut session, 0..5);
    let snapshot = saved(&mut session);
    assert_eq!(snapshot[..4], *b"SLS\x7f");
    let header = [
        1,
        snapshot.len() as u32,
        model.id(),
        u32::from_le_bytes([1, 2, 3, 4]),
        5,
        0,
    ];
    (1..)
        .zip(header)
        .for_each(|(word, value)| assert_eq!(get(&snapshot, word), value, "word {word}"));
    assert_eq!(
        Layout::of(&desc, kind, 1).end + MemoryPlan::snapshot_act_words(&desc) + 1,
        snapshot.len() / 4
    );
    for len in [1, 2, 3, 4, 5, 7, 64, 1_000] {
        let view = session.snapshot();
        assert_eq!(view.crc(), get(&snapshot, snapshot.len() / 4 - 1));
        let mut pieces: Vec<u8> = Vec::new();
        while pieces.len() < snapshot.len() {
            let mut piece = vec![0xee; len];
            let read = view.read(pieces.len(), &mut piece);
            assert_eq!(read, len.min(snapshot.len() - pieces.len()));
            assert!(piece[read..].iter().all(|&byte| byte == 0xee));
            pieces.extend(&piece[..read]);
        }
        assert_eq!(pieces, snapshot, "in pieces of {len}");
        assert_eq!(
            (
                view.read(snapshot.len(), &mut [0]),
                view.read(usize::MAX, &mut [0])
            ),
            (0, 0)
        );
    }
    let (need, have) = (snapshot.len(), snapshot.len() - 1);
    assert_eq!(
        session.save(&mut vec![0; have]),
        Err(SnapshotError::Truncated { need, have })
    );
    let mut room = vec![0xee; need + 3];
    assert_eq!(session.save(&mut room), Ok(need));
    assert!(room.starts_with(&snapshot) && room.ends_with(&[0xee; 3]));
}

#[test]
fn headers_are_refused_in_order() {
    let (desc, _, file) = cases().swap_remove(0);
    let model = Model::parse(file.bytes()).expect("a valid file");
    let mut memory = Memory::of(&model);
    let mut session = memory.session(&model);
    run(&mut session, 0..5);
    let good = saved(&mut session);
    let bytes = good.len();
    let expected = model.id();
    let cases: [(usize, u32, SnapshotError); 5] = [
        (0, 7, SnapshotError::NotASnapshot),
        (1, 2, SnapshotError::Version { found: 2 }),
        (3, 9, SnapshotError::Model { found: 9, expected }),
        (
            4,
            9,
            SnapshotError::Model {
                found: expected,
                expected,
            },
        ),
        (
            2,
            bytes as u32 + 4,
            SnapshotError::Truncated {
                need: bytes,
                have: bytes + 4,
            },
        ),
    ];
    for (word, value, error) in cases {
        let mut bad = good.clone();
        // What comes later in the order is wrong as well.
        cases
            .iter()
            .skip_while(|case| case.0 != word)
            .for_each(|&(word, value, _)| put(&mut bad, word, value));
        put(&mut bad, word, value);
        assert_eq!(session.restore(&sealed(bad)), Err(error));
    }
    for have in 0..bytes {
        let need = if have < SnapshotHeader::BYTES {
            SnapshotHeader::BYTES
        } else {
            bytes
        };
        assert_eq!(
            session.restore(&good[..have]),
            Err(SnapshotError::Truncated { need, have })
        );
    }
    let long = [&good[..], &[0]].concat();
    assert_eq!(
        session.restore(&long),
        Err(SnapshotError::Truncated {
            need: bytes,
            have: bytes + 1
        })
    );
    for bit in 32 * SnapshotHeader::WORDS..8 * bytes {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let outcome = session.restore(&bad);
        let end = bytes - 4;
        let error = SnapshotError::Checksum {
            stored: get(&bad, end / 4),
            computed: crc(&bad[..end]),
        };
        assert_eq!(outcome, Err(error), "bit {bit}");
    }
    assert_eq!(saved(&mut session), good, "nothing changed");
    // Another model with the same description: only its checksum tells.
    let mut other = small_models::file(&desc, &[]);
    seal(&mut other);
    let other = Aligned::of(&other);
    let other = Model::parse(other.bytes()).expect("a valid file");
    let mut memory = Memory::of(&other);
    let mut foreign = memory.session(&other);
    let refused = Err(SnapshotError::Model {
        found: other.id(),
        expected,
    });
    assert_eq!(session.copy_from(&mut foreign), refused);
    assert_eq!(session.restore(&saved(&mut foreign)), refused);
    assert_eq!(saved(&mut session), good, "nothing changed");
}

#[test]
fn each_bound_holds_and_one_beyond_it_is_refused() {
    for (desc, kind, file) in cases() {
        let model = Model::parse(file.bytes()).expect("a valid file");
        let mut memory = Memory::of(&model);
        let mut session = memory.session(&model);
        run(&mut session, 0..6);
        let good = saved(&mut session);
        run(&mut session, 6..9);
        let before = saved(&mut session);
        let what = format!("{:?} {kind:?}", desc.backbone);
        let mut holds = |bytes: &[u8], text: &str| {
            assert_eq!(session.restore(bytes), Ok(()), "{what}: {text}");
            assert_eq!(saved(&mut session), bytes, "{what}: {text}");
            // Whatever follows overflows nothing (the profile has the checks), and its state is one
            // of a session.
            run(&mut session, 0..4);
            let after = saved(&mut session);
            assert_eq!(session.restore(&after), Ok(()), "{what}: {text}, then");
            session.restore(&before).expect("its own snapshot");
        };
        let at = Layout::of(&desc, kind, 1);
        let (within, beyond): (&[u32], &[u32]) = match kind {
            StateKind::Int32 => (
                &[(1 << 30) - 1, (-(1 << 30)) as u32, 0, u32::MAX],
                &[
                    1 << 30,
                    (-(1 << 30) - 1) as u32,
                    i32::MAX as u32,
                    i32::MIN as u32,
                ],
            ),
            StateKind::Int16 => (
                &[24_577, 24_577 << 16, 0x9fff, 0x9fff_0000, 0x9fff_6001, 0],
                &[
                    24_578,
                    24_578 << 16,
                    0x9ffe,
                    0x9ffe_0000,
                    0x7fff,
                    0x8000,
                    0x8000_0000,
                    0x7fff_0000,
                ],
            ),
        };
        for &value in within {
            holds(
                &with_state_word(&good, &at, kind, value),
                &format!("S of {value:#x}"),
            );
        }
        let word = |word: usize, value: u32| {
            let mut bytes = good.clone();
            put(&mut bytes, word, value);
            sealed(bytes)
        };
        let limit = 1 << 20;
        for at in [at.frac, at.mask - 1] {
            holds(&word(at, limit), "the largest exponent");
            holds(&word(at, limit.wrapping_neg()), "the smallest exponent");
        }
        holds(&word(at.carry, (1 << 27) - 1), "the largest carry");
        holds(&word(at.frac - 1, 0), "no carry");
        let slots = desc.conv_width.saturating_sub(1).max(1);
        (0..slots).for_each(|slot| holds(&word(SnapshotHeader::WORDS + 2, slot), "a slot"));
        // The length of a unit vector, rounded.
        let act = at.end;
        let most = (1 << desc.unit_frac) + desc.hidden.isqrt() + 1;
        let acts = |first: u32, second: u32| {
            let mut bytes = good.clone();
            (act..bytes.len() / 4 - 1).for_each(|word| put(&mut bytes, word, 0));
            put(&mut bytes, act, first);
            put(&mut bytes, act + 1, second);
            sealed(bytes)
        };
        for most in [most, most.wrapping_neg() & 0xffff] {
            holds(&acts(most, 0), "the longest activations");
            holds(&acts(most << 16, 0), "the longest activations");
        }
        let mut refused = |bytes: &[u8], layer: usize, text: &str| {
            assert_eq!(
                session.restore(bytes),
                Err(SnapshotError::State { layer }),
                "{what}: {text}"
            );
            assert_eq!(
                saved(&mut session),
                before,
                "{what}: {text}: nothing changed"
            );
        };
        for &value in beyond {
            refused(
                &with_state_word(&good, &at, kind, value),
                1,
                &format!("S of {value:#x}"),
            );
        }
        for layer in 0..2 {
            let at = Layout::of(&desc, kind, layer);
            for head in 0..desc.state_heads as usize {
                let mask = get(&good, at.mask + head);
                refused(&word(at.mask + head, mask ^ 1), layer, "another mask");
                refused(&word(at.mask + head, mask | 1 << 31), layer, "another mask");
                refused(
                    &word(at.frac + head, limit + 1),
                    layer,
                    "an exponent above the largest",
                );
                refused(
                    &word(at.frac + head, (limit + 1).wrapping_neg()),
                    layer,
                    "one below the smallest",
                );
                refused(
                    &word(at.frac + head, 1 << 31),
                    layer,
                    "the least exponent of all",
                );
            }
            for carry in at.carry..at.frac {
                refused(&word(carry, 1 << 27), layer, "a carry of 1");
                refused(&word(carry, u32::MAX), layer, "a carry");
            }
        }
        refused(
            &word(SnapshotHeader::WORDS + 2, slots),
            2,
            "a slot that there is not",
        );
        refused(
            &word(SnapshotHeader::WORDS + 2, u32::MAX),
            2,
            "a slot that there is not",
        );
        refused(&word(SnapshotHeader::WORDS + 3, 1), 2, "the reserved word");
        refused(&acts(most, 1), 2, "longer activations");
        refused(&acts(most | 1 << 16, 0), 2, "longer activations");
        refused(
            &acts(0x8000_8000, 0x8000_8000),
            2,
            "the longest activations of all",
        );
        let mut at_start = acts(1, 0);
        put(&mut at_start, SnapshotHeader::WORDS, 0);
        refused(
            &sealed(at_start.clone()),
            2,
            "activations before the first step",
        );
        // Beyond 2^32 steps the low word is 0 now and then.
        put(&mut at_start, SnapshotHeader::WORDS + 1, 1);
        assert_eq!(
            session.restore(&sealed(at_start)),
            Ok(()),
            "{what}: activations at step 2^32"
        );
    }
}

/// Words of `snapshot` at `free` such that its CRC is `target`: the CRC is linear in them.
fn collide(snapshot: &mut [u8], free: usize, target: u32) {
    let end = snapshot.len() - 4;
    put(snapshot, free, 0);
    let base = crc(&snapshot[..end]);
    // Rows (effect on the CRC, bits that have it), brought into echelon form as they come.
    let mut rows: Vec<(u32, u32)> = Vec::new();
    let reduce = |rows: &[(u32, u32)], mut row: (u32, u32)| {
        for &(effect, bits) in rows {
            if row.0 ^ effect < row.0 {
                row = (row.0 ^ effect, row.1 ^ bits);
            }
        }
        row
    };
    for bit in 0..32 {
        put(snapshot, free, 1 << bit);
        rows.push(reduce(&rows, (crc(&snapshot[..end]) ^ base, 1 << bit)));
        rows.sort_by(|a, b| b.cmp(a));
    }
    let (rest, bits) = reduce(&rows, (base ^ target, 0));
    assert_eq!(rest, 0, "any CRC can be reached");
    put(snapshot, free, bits);
    put(snapshot, end / 4, target);
    assert_eq!(crc(&snapshot[..end]), target);
}

/// A source that gives `first`, and from call `switch` on `second`.
fn changing<'a>(
    first: &'a [u8],
    second: &'a [u8],
    switch: usize,
    calls: &'a mut usize,
) -> impl FnMut(usize, &mut [u8]) -> Result<(), ()> + 'a {
    move |at, out| {
        let bytes = if *calls < switch { first } else { second };
        *calls += 1;
        assert!(at % 4 == 0 && out.len() <= 64 && !out.is_empty());
        out.copy_from_slice(&bytes[at..at + out.len()]);
        Ok(())
    }
}

#[test]
fn a_source_that_changes_between_reads_never_brings_in_what_was_not_checked() {
    for (desc, kind, file) in cases() {
        let what = format!("{:?} {kind:?}", desc.backbone);
        let model = Model::parse(file.bytes()).expect("a valid file");
        let mut memory = Memory::of(&model);
        let mut session = memory.session(&model);
        run(&mut session, 0..4);
        let good = saved(&mut session);
        run(&mut session, 4..7);
        let valid = saved(&mut session);
        run(&mut session, 7..8);
        let before = saved(&mut session);
        let reset = {
            session.reset();
            saved(&mut session)
        };
        let mut calls = 0;
        session
            .restore_with(changing(&good, &good, 0, &mut calls))
            .expect("an honest source");
        let at = Layout::of(&desc, kind, 1);
        let bound = if kind == StateKind::Int32 {
            i32::MAX as u32
        } else {
            0x7fff_7fff
        };
        // Beyond every bound, with the mask that such a state would have: with its own checksum,
        // and with that of the good one.
        let forged = with_state_word(&good, &at, kind, bound);
        let mut colliding = forged.clone();
        collide(
            &mut colliding,
            SnapshotHeader::WORDS,
            get(&good, good.len() / 4 - 1),
        );
        for (other, text) in [
            (&valid, "another valid one"),
            (&forged, "a forged one"),
            (&colliding, "a collision"),
        ] {
            let mut outcomes = [0; 4];
            for switch in 0..=calls {
                session.restore(&before).expect("its own snapshot");
                let mut count = 0;
                let outcome = session.restore_with(changing(&good, other, switch, &mut count));
                let after = saved(&mut session);
                let which = [&good, &valid, &before, &reset]
                    .iter()
                    .position(|known| **known == after);
                let Some(which) = which else {
                    panic!("{what}: {text} from call {switch}: {outcome:?}, a mixture")
                };
                assert_eq!(
                    outcome.is_ok(),
                    which < 2,
                    "{what}: {text} from call {switch}: {outcome:?}"
                );
                outcomes[which] += 1;
                run(&mut session, 0..3);
            }
            // The good one when it changes too late to matter; unchanged when it is seen in time;
            // reset else.
            assert!(
                outcomes[0] >= 1 && outcomes[2] > 4 && outcomes[3] > 0,
                "{what}: {text}: {outcomes:?}"
            );
            assert_eq!(
                outcomes[1] > 0,
                text.contains("valid"),
                "{what}: {text}: {outcomes:?}"
            );
        }
    }
}

#[test]
fn a_source_that_fails_changes_nothing_or_resets() {
    let (_, _, file) = cases().swap_remove(3);
    let model = Model::parse(file.bytes()).expect("a valid file");
    let mut memory = Memory::of(&model);
    let mut session = memory.session(&model);
    run(&mut session, 0..4);
    let good = saved(&mut session);
    let mut calls = 0;
    session
        .restore_with(changing(&good, &good, 0, &mut calls))
        .expect("an honest source");
    run(&mut session, 4..7);
    let before = saved(&mut session);
    let (mut unchanged, mut reset) = (0, 0);
    for fail in 0..calls {
        session.restore(&before).expect("its own snapshot");
        let (mut call, mut place) = (0, 0);
        let outcome = session.restore_with(|at, out| {
            (call, place) = (call + 1, at);
            out.copy_from_slice(&good[at..at + out.len()]);
            if call == fail + 1 {
                Err("the bus is busy")
            } else {
                Ok(())
            }
        });
        assert_eq!(
            outcome,
            Err(SnapshotError::Read { at: place }),
            "call {fail}"
        );
        if saved(&mut session) == before {
            unchanged += 1;
        } else {
            assert_eq!(session.position(), 0);
            assert_eq!(
                saved(&mut session)[20..],
                [
                    &vec![0; good.len() - 24][..],
                    &saved(&mut session)[good.len() - 4..]
                ]
                .concat()
            );
            reset += 1;
        }
    }
    assert!(
        unchanged > reset && reset > 0,
        "{unchanged} unchanged, {reset} reset"
    );
}

#[test]
fn a_step_in_slices_is_finished_by_a_snapshot_and_dropped_by_a_restore() {
    let (desc, _, file) = cases().swap_remove(1);
    let model = Model::parse(file.bytes()).expect("a valid file");
    let slices = 2 * desc.layers as usize + 1;
    let whole = |tokens: &[u32]| {
        let mut memory = Memory::of(&model);
        let mut session = memory.session(&model);
        for &token in tokens {
            session.step(token).expect("a token of the vocabulary");
        }
        saved(&mut session)
    };
    let (one, two) = (whole(&[1]), whole(&[1, 2]));
    for done in 0..=slices {
        let (mut memory, mut other) = (Memory::of(&model), Memory::of(&model));
        let mut session = memory.session(&model);
        session.step(1).expect("a token of the vocabulary");
        let begin = |session: &mut Session, token| {
            let mut step = session.slices(token).expect("a token of the vocabulary");
            (0..done).for_each(|_| assert!(step.run_next()));
        };
        begin(&mut session, 2);
        assert_eq!(saved(&mut session), two, "after {done} of {slices} slices");
        begin(&mut session, 3);
        session.restore(&one).expect("its own snapshot");
        begin(&mut session, 2);
        let mut copy = other.session(&model);
        begin(&mut copy, 5);
        copy.copy_from(&mut session).expect("the same model");
        assert_eq!(saved(&mut copy), two);
        assert_eq!(States::read(&[], &desc), Ok(States::default()));
    }
}
