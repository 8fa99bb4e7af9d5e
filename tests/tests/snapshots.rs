//! What a snapshot promises (docs/snapshot.md): a session restored from it goes on with the same
//! bits, whatever machine wrote it; what is torn, foreign or hostile is refused before anything
//! changes, or does no harm.

#[path = "../../runtime/store/tests/common/mod.rs"]
mod flash;

use std::panic::{AssertUnwindSafe, catch_unwind};

use flash::{Nor, Torn};
use sla_eval::owned_model::{Memory, OwnedModel};
use sla_format::{InputKind, MemoryPlan, SnapshotHeader, StateKind, pad_rows};
use sla_kernels::with_scalar;
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, QueryGate, Sla};
use sla_runtime::{Checksum, Model, Session, SnapshotError};
use sla_store::Store;
use sla_test_models::{self as synth, Rng};
use sla_tests::{Case, STATES, parallel};

/// Mutations of each snapshot; `SLA_MUTATIONS` overrides it.
const MUTATIONS: usize = 4_000;

fn sla(key_gate: KeyGate) -> Option<Sla> {
    Some(Sla {
        query_gate: QueryGate::Output,
        key_gate,
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    })
}

/// One small model of each backbone, an odd d_k and a tied head among them, and one that reads
/// features.
fn configs() -> [Config; 4] {
    let small = |backbone| Config {
        layers: 2,
        hidden: 8,
        d_k: 6,
        d_v: 3,
        intermediate: 8,
        ..synth::small(backbone)
    };
    [
        Config {
            sla: sla(KeyGate::Key),
            ..small(Backbone::RetNet)
        },
        Config {
            sla: sla(KeyGate::Key),
            d_k: 5,
            kv_heads: 2,
            feature_map: FeatureMap::Sigmoid,
            conv: Some(4),
            ..small(Backbone::Gla)
        },
        Config {
            sla: sla(KeyGate::Beta),
            conv: Some(2),
            value_heads: 8,
            tied: true,
            ..small(Backbone::GatedDeltaNet)
        },
        Config {
            input: Input::Features {
                size: 5,
                mean: vec![0.5; 5],
                std: vec![2.0; 5],
            },
            outputs: 40,
            ..small(Backbone::Gla)
        },
    ]
}

fn file(config: &Config, state: StateKind) -> OwnedModel {
    Case::of_state(config.clone(), synth::weights(config, 1), state).file
}

/// Every model with every representation of its state.
fn files() -> Vec<(String, OwnedModel)> {
    let all = configs().into_iter().enumerate();
    all.flat_map(|(i, config)| {
        STATES.map(|state| {
            (
                format!("{i} {:?} {state:?}", config.backbone),
                file(&config, state),
            )
        })
    })
    .collect()
}

/// Step `t` of a stream that fits any model.
fn step(session: &mut Session, t: u64) {
    let desc = *session.model().desc();
    let x = t.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    match desc.input {
        InputKind::Tokens => session.step(x as u32 % desc.inputs).map(drop),
        InputKind::Features => {
            let frame: Vec<i32> = (0..desc.inputs as i32)
                .map(|i| (x as i32).wrapping_mul(2 * i + 1) >> 14)
                .collect();
            session.step_features(&frame).map(drop)
        }
    }
    .expect("an input of the model's kind");
}

/// CRC-32 of the last step's logits.
fn digest(session: &mut Session) -> u32 {
    let mut digest = Checksum::default();
    session.logits().digest(&mut digest);
    digest.finish()
}

/// The digests of the steps `from..to`.
fn run(session: &mut Session, from: u64, to: u64) -> Vec<u32> {
    (from..to)
        .map(|t| {
            step(session, t);
            digest(session)
        })
        .collect()
}

fn saved(session: &mut Session) -> Vec<u8> {
    let mut bytes = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut bytes), Ok(bytes.len()));
    bytes
}

/// Buffers that hold something already.
fn dirty(model: &Model) -> (Vec<u32>, Vec<u32>) {
    let plan = model.plan();
    (
        vec![0x8000_0001; plan.state_words],
        vec![0x7fff_fffe; plan.scratch_words],
    )
}

/// Writes the right checksum (S1.5).
fn seal(snapshot: &mut [u8]) {
    let (content, crc) = snapshot.split_at_mut(snapshot.len() - 4);
    let mut sum = Checksum::default();
    sum.add_bytes(content);
    crc.copy_from_slice(&sum.finish().to_le_bytes());
}

#[test]
fn a_restored_session_goes_on_with_the_same_bits() {
    for (name, file) in files() {
        let model = file.model();
        for position in [0, 1, 2, 7, 40] {
            let mut memory = file.memory();
            let mut session = memory.session(&model).unwrap();
            run(&mut session, 0, position);
            let snapshot = saved(&mut session);
            assert_eq!(
                snapshot.len(),
                MemoryPlan::snapshot_bytes_of_file(file.bytes()),
                "{name}"
            );
            let last = digest(&mut session);
            let want = run(&mut session, position, position + 20);
            let (mut state, mut scratch) = dirty(&model);
            let mut other = Session::new(&model, &mut state, &mut scratch).unwrap();
            run(&mut other, 90, 93);
            other.restore(&snapshot).unwrap();
            assert_eq!(other.position(), position);
            if position > 0 {
                assert_eq!(digest(&mut other), last, "{name}: the logits at once");
            }
            assert_eq!(
                saved(&mut other),
                snapshot,
                "{name}: the same snapshot again"
            );
            assert_eq!(
                run(&mut other, position, position + 20),
                want,
                "{name} from {position}"
            );
            assert_eq!(saved(&mut other), saved(&mut session), "{name}");
        }
    }
}

/// CRC-32 bit by bit, as IEEE 802.3 has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Every byte from docs/snapshot.md S1 alone: the session's buffers, laid out by hand.
#[test]
fn the_layout_is_the_documented_one() {
    for (name, file) in files() {
        let model = file.model();
        let (mut state, mut scratch) = dirty(&model);
        let mut session = Session::new(&model, &mut state, &mut scratch).unwrap();
        run(&mut session, 0, 9);
        let snapshot = saved(&mut session);
        let desc = model.desc();
        let hidden = desc.hidden as usize;
        let test_digest = u32::from_le_bytes(model.self_test_section()[..4].try_into().unwrap());
        let file_crc = u32::from_le_bytes(file.bytes()[8..12].try_into().unwrap());
        // F7.3: the residual stream, RetNet's angles, then the activations.
        let act = pad_rows(hidden)
            + if desc.backbone == Backbone::RetNet {
                desc.d_k as usize
            } else {
                0
            };
        let act = &scratch[act..act + hidden.next_multiple_of(32) / 2];
        let words = [
            u32::from_le_bytes(*b"SLS\x7f"),
            1,
            snapshot.len() as u32,
            file_crc,
            test_digest,
        ];
        let mut want: Vec<u8> = words
            .iter()
            .chain(&state)
            .chain(act)
            .flat_map(|word| word.to_le_bytes())
            .collect();
        want.extend(crc(&want).to_le_bytes());
        assert_eq!(snapshot, want, "{name}");
        assert_eq!(
            u64::from_le_bytes(snapshot[20..28].try_into().unwrap()),
            9,
            "the position"
        );
    }
}

#[test]
fn pieces_of_any_length_are_the_snapshot() {
    let file = file(&configs()[1], StateKind::Int32);
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model).unwrap();
    run(&mut session, 0, 5);
    let whole = saved(&mut session);
    assert_eq!(
        session.save(&mut vec![0; whole.len() - 1]),
        Err(SnapshotError::Truncated {
            need: whole.len(),
            have: whole.len() - 1
        })
    );
    let mut room = vec![0xee; whole.len() + 3];
    assert_eq!(session.save(&mut room), Ok(whole.len()));
    assert!(room.starts_with(&whole) && room.ends_with(&[0xee; 3]));
    let snapshot = session.snapshot();
    for len in [1, 2, 3, 4, 5, 7, 64, 255, 256, 4_096] {
        let mut pieces: Vec<u8> = Vec::new();
        while pieces.len() < whole.len() {
            let mut piece = vec![0xee; len];
            let read = snapshot.read(pieces.len(), &mut piece);
            assert_eq!(read, len.min(whole.len() - pieces.len()));
            assert!(piece[read..].iter().all(|&byte| byte == 0xee));
            pieces.extend(&piece[..read]);
        }
        assert_eq!(pieces, whole, "in pieces of {len}");
    }
    assert_eq!(snapshot.read(whole.len(), &mut [0]), 0);
    assert_eq!(snapshot.read(usize::MAX, &mut [0]), 0);
    assert_eq!(snapshot.crc().to_le_bytes(), whole[whole.len() - 4..]);
}

#[test]
fn what_is_torn_or_foreign_is_refused_and_changes_nothing() {
    for (name, file) in files() {
        let model = file.model();
        let mut memory = file.memory();
        let mut session = memory.session(&model).unwrap();
        run(&mut session, 0, 6);
        let good = saved(&mut session);
        run(&mut session, 6, 11);
        let before = saved(&mut session);
        let mut refuse = |bytes: &[u8], what: &str| {
            let error = session.restore(bytes).expect_err(what);
            assert_eq!(saved(&mut session), before, "{name}: {what}");
            error
        };
        // Written up to any byte, with what was in flash before behind it.
        for len in 0..good.len() {
            refuse(&good[..len], "cut off");
            for rest in [0xff, 0x00] {
                let mut torn = good.clone();
                torn[len..].fill(rest);
                if torn != good {
                    refuse(&torn, "torn");
                }
            }
        }
        for bit in 0..8 * good.len() {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = refuse(&changed, "a changed bit");
            match bit / 32 {
                0 => assert_eq!(error, SnapshotError::NotASnapshot),
                1 => assert!(matches!(error, SnapshotError::Version { .. })),
                2 => assert!(matches!(error, SnapshotError::Truncated { .. })),
                3 | 4 => assert!(matches!(error, SnapshotError::Model { .. })),
                _ => assert!(
                    matches!(error, SnapshotError::Checksum { .. }),
                    "{name}: bit {bit}: {error}"
                ),
            }
        }
        let long = [&good[..], &[0]].concat();
        assert_eq!(
            refuse(&long, "too long"),
            SnapshotError::Truncated {
                need: good.len(),
                have: good.len() + 1
            }
        );
        assert_eq!(
            refuse(&[], "empty"),
            SnapshotError::Truncated {
                need: SnapshotHeader::BYTES,
                have: 0
            }
        );
    }
    // Of a model that differs in one weight and in nothing else.
    let config = &configs()[1];
    let mut weights = synth::weights(config, 1);
    let own = Case::of(config.clone(), weights.clone()).file;
    weights.layers[0].q.data[3] += 0.25;
    let other = Case::of(config.clone(), weights).file;
    let (own_model, other_model) = (own.model(), other.model());
    let (mut own_memory, mut other_memory) = (own.memory(), other.memory());
    let mut session = own_memory.session(&own_model).unwrap();
    let mut foreign = other_memory.session(&other_model).unwrap();
    run(&mut session, 0, 5);
    run(&mut foreign, 0, 5);
    let before = saved(&mut session);
    let refused = SnapshotError::Model {
        found: other_model.id(),
        expected: own_model.id(),
    };
    assert_eq!(session.restore(&saved(&mut foreign)), Err(refused));
    assert_eq!(session.copy_from(&mut foreign), Err(refused));
    assert_eq!(saved(&mut session), before);
    for error in [
        refused,
        SnapshotError::NotASnapshot,
        SnapshotError::Version { found: 7 },
        SnapshotError::Truncated { need: 8, have: 7 },
        SnapshotError::Checksum {
            stored: 1,
            computed: 2,
        },
        SnapshotError::State { layer: 3 },
        SnapshotError::Read { at: 64 },
    ] {
        assert!(
            !error.to_string().contains('\n') && error.to_string().contains("snapshot"),
            "{error}"
        );
    }
}

#[test]
fn a_failing_reader_changes_nothing_and_a_lying_one_resets() {
    let file = file(&configs()[1], StateKind::Int16);
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model).unwrap();
    run(&mut session, 0, 6);
    let good = saved(&mut session);
    run(&mut session, 6, 9);
    let before = saved(&mut session);
    let mut calls = 0;
    session
        .restore_with(|at, out| {
            calls += 1;
            assert!(at % 4 == 0 && out.len() <= 64 && !out.is_empty());
            out.copy_from_slice(&good[at..at + out.len()]);
            Ok::<_, ()>(())
        })
        .unwrap();
    assert_eq!(saved(&mut session), good);
    let (mut unchanged, mut reset) = (0, 0);
    for fail in 0..calls {
        for lies in [false, true] {
            session.restore(&before).unwrap();
            let mut call = 0;
            let outcome = session.restore_with(|at, out| {
                out.copy_from_slice(&good[at..at + out.len()]);
                call += 1;
                match call == fail + 1 {
                    true if lies => out[0] ^= 0x20,
                    true => return Err("the bus is busy"),
                    false => {}
                }
                Ok(())
            });
            if outcome.is_ok() {
                // A lie about bytes whose true value the checksum has vouched for, where only their
                // range is looked at.
                assert!(lies && saved(&mut session) == good, "call {fail}");
                continue;
            }
            let after = saved(&mut session);
            if after == before {
                unchanged += 1;
            } else {
                assert_eq!(
                    session.position(),
                    0,
                    "call {fail}: neither as it was nor at the start"
                );
                assert_eq!(
                    run(&mut session, 0, 3),
                    run(&mut file.memory().session(&model).unwrap(), 0, 3)
                );
                reset += 1;
            }
        }
    }
    assert!(
        unchanged > calls && reset > 4,
        "{unchanged} unchanged, {reset} reset of {calls} calls"
    );
}

/// Damaged snapshots with the right checksum: refused, or a state from which every step runs
/// without a panic (the profile has overflow checks) and inside its buffers, and that is a state a
/// step can have left.
#[test]
fn hostile_snapshots_are_refused_or_do_no_harm() {
    let n = std::env::var("SLA_MUTATIONS")
        .map_or(MUTATIONS, |n| n.parse().expect("SLA_MUTATIONS is a number"));
    for (name, file) in files() {
        let model = file.model();
        let mut memory = file.memory();
        let mut session = memory.session(&model).unwrap();
        run(&mut session, 0, 25);
        let good = saved(&mut session);
        const PARTS: usize = 8;
        let counts = parallel(PARTS, |part| {
            let mut counts = [0; 2];
            for seed in (part..n).step_by(PARTS) {
                let mut snapshot = mutate(&good, seed as u64);
                seal(&mut snapshot);
                let outcome = catch_unwind(AssertUnwindSafe(|| survives(&model, &snapshot)));
                let Ok(restored) = outcome else {
                    panic!("{name}, mutation {seed} panics (see above)")
                };
                counts[usize::from(restored)] += 1;
            }
            counts
        });
        let [refused, ran] = [0, 1].map(|k| counts.iter().map(|c| c[k]).sum::<usize>());
        eprintln!(
            "{name}: {} bytes, {n} mutations: {refused} refused, {ran} ran",
            good.len()
        );
        assert!(
            refused * 5 > n && ran * 50 > n,
            "{name}: {refused} refused, {ran} ran: one side is not tested"
        );
    }
}

/// Whether the snapshot was accepted.
fn survives(model: &Model, snapshot: &[u8]) -> bool {
    const SENTINEL: u32 = 0xdead_beef;
    let plan = model.plan();
    let (mut state, mut scratch) = (
        vec![SENTINEL; plan.state_words + 4],
        vec![SENTINEL; plan.scratch_words + 4],
    );
    let mut session = Session::new(model, &mut state, &mut scratch).unwrap();
    let restored = session.restore(snapshot).is_ok();
    if restored {
        let mut again = vec![0; snapshot.len()];
        assert_eq!(session.save(&mut again), Ok(again.len()));
        if session.position() > 0 {
            assert_eq!(again, snapshot, "what was restored");
        }
        let scalar = with_scalar(|| digest(&mut session));
        assert_eq!(
            digest(&mut session),
            scalar,
            "the logits at once, by other kernels"
        );
        let position = session.position();
        let want = with_scalar(|| run(&mut session, position, position.wrapping_add(4)));
        session.restore(&again).unwrap();
        assert_eq!(
            run(&mut session, position, position.wrapping_add(4)),
            want,
            "the steps, by other kernels"
        );
        let after = saved(&mut session);
        session.restore(&after).expect("a state that a step left");
    } else {
        assert_eq!(session.position(), 0);
        run(&mut session, 0, 2);
    }
    assert!(
        state[plan.state_words..]
            .iter()
            .chain(&scratch[plan.scratch_words..])
            .all(|&w| w == SENTINEL)
    );
    restored
}

/// One to three damages, the header spared.
fn mutate(good: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut bytes = good.to_vec();
    let words = bytes.len() / 4;
    for _ in 0..1 + rng.below(3) {
        let first = SnapshotHeader::WORDS;
        // Half of the damages go to the position, the slot, and the last layer's small fields and
        // the activations.
        let word = match rng.below(4) {
            0 => first + rng.below(4),
            1 => words - 2 - rng.below(60),
            _ => first + rng.below(words - first - 1),
        };
        let at = 4 * word;
        match rng.below(4) {
            0 => bytes[at + rng.below(4)] ^= 1 << rng.below(8),
            1 => bytes[at..at + 4].copy_from_slice(&(rng.next_u64() as u32).to_le_bytes()),
            2 => {
                let from = 4 * (first + rng.below(words - first - 1));
                bytes.copy_within(from..from + 4, at);
            }
            _ => {
                let extremes: [u32; 16] = [
                    0,
                    1,
                    3,
                    0x7fff,
                    0x8000,
                    0x8000_8000,
                    0x7fff_7fff,
                    0x6001_6001,
                    1 << 20,
                    (1 << 20) + 1,
                    (1 << 27) - 1,
                    1 << 27,
                    1 << 30,
                    0x7fff_ffff,
                    0x8000_0000,
                    u32::MAX,
                ];
                bytes[at..at + 4].copy_from_slice(&rng.pick(&extremes).to_le_bytes());
            }
        }
    }
    bytes
}

#[test]
fn forks_and_rollbacks() {
    for (name, file) in files() {
        let model = file.model();
        let (mut trunk_memory, mut branch_memory) = (file.memory(), Memory::for_prompts(&model));
        let mut trunk = trunk_memory.session(&model).unwrap();
        let mut branch = branch_memory.session(&model).unwrap();
        run(&mut trunk, 0, 10);
        let at_10 = saved(&mut trunk);
        branch.copy_from(&mut trunk).unwrap();
        assert_eq!(
            digest(&mut branch),
            digest(&mut trunk),
            "{name}: the logits at once"
        );
        let other = run(&mut branch, 50, 60);
        let want = run(&mut trunk, 10, 20);
        assert_ne!(other, want);
        // Back to where they parted, in memory and from the bytes.
        trunk.restore(&at_10).unwrap();
        assert_eq!(run(&mut trunk, 50, 60), other, "{name}");
        branch.restore(&at_10).unwrap();
        assert_eq!(run(&mut branch, 10, 20), want, "{name}");
    }
}

#[test]
fn a_step_in_slices_is_finished_by_a_snapshot_and_dropped_by_a_restore() {
    let file = file(&configs()[0], StateKind::Int32);
    let model = file.model();
    let slices = 2 * model.desc().layers as usize + 1;
    let whole = |tokens: &[u32]| {
        let mut memory = file.memory();
        let mut session = memory.session(&model).unwrap();
        session.prefill(tokens).unwrap();
        (saved(&mut session), digest(&mut session))
    };
    let (one, two) = (whole(&[1]), whole(&[1, 2]));
    for done in 0..=slices {
        let mut memory = file.memory();
        let mut session = memory.session(&model).unwrap();
        session.step(1).unwrap();
        let mut step = session.slices(2).unwrap();
        (0..done).for_each(|_| assert!(step.run_next()));
        assert_eq!(
            saved(&mut session),
            two.0,
            "after {done} of {slices} slices"
        );
        assert_eq!(digest(&mut session), two.1);
        let mut memory = file.memory();
        let mut other = memory.session(&model).unwrap();
        let mut step = other.slices(3).unwrap();
        (0..done).for_each(|_| assert!(step.run_next()));
        other.restore(&one.0).unwrap();
        assert_eq!(digest(&mut other), one.1);
        other.step(2).unwrap();
        assert_eq!(saved(&mut other), two.0);
        let mut step = other.slices(3).unwrap();
        (0..done).for_each(|_| assert!(step.run_next()));
        let mut memory = file.memory();
        let mut copy = memory.session(&model).unwrap();
        copy.copy_from(&mut other).unwrap();
        assert_eq!(saved(&mut copy), whole(&[1, 2, 3]).0);
    }
}

/// A device that keeps its session in two slots of flash, and loses power at any byte.
#[test]
fn a_session_survives_power_loss_while_it_is_stored() {
    type Flash = Nor<4, 16, 1_024>;
    let file = file(
        &Config {
            layers: 1,
            ..configs()[1].clone()
        },
        StateKind::Int16,
    );
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model).unwrap();
    let all = run(&mut session, 0, 40);
    let slot = (session.snapshot().bytes() + 16).next_multiple_of(1_024);
    let open = |flash: Flash| Store::open(flash, 0..2 * slot as u32).unwrap();
    let store_it = |store: &mut Store<Flash>, session: &mut Session| {
        let snapshot = session.snapshot();
        store.write(snapshot.bytes(), |at, out| {
            assert_eq!(snapshot.read(at, out), out.len())
        })
    };
    session.reset();
    let mut store = open(Flash::new(vec![0xff; 2 * slot]));
    run(&mut session, 0, 10);
    store_it(&mut store, &mut session).unwrap();
    run(&mut session, 10, 20);
    let flash = store.release();
    let mut whole = open(flash.rebooted());
    store_it(&mut whole, &mut session).unwrap();
    let steps = whole.release().done;
    let mut positions = [0usize; 2];
    for budget in 0..=steps {
        let mut stopped = flash.rebooted();
        (stopped.budget, stopped.torn) = (
            Some(budget),
            [Torn::Front, Torn::Back, Torn::Bits][budget % 3],
        );
        let mut store = open(stopped);
        let stored = store_it(&mut store, &mut session).is_ok();
        assert_eq!(stored, budget == steps);
        // Power is back, and the memory is gone.
        let mut store = open(store.release().rebooted());
        let (mut state, mut scratch) = dirty(&model);
        let mut revived = Session::new(&model, &mut state, &mut scratch).unwrap();
        revived.restore_with(|at, out| store.read(at, out)).unwrap();
        let position = revived.position();
        assert!(
            position == 20 || (position == 10 && !stored),
            "{position} after {budget} bytes"
        );
        positions[usize::from(position == 20)] += 1;
        assert_eq!(digest(&mut revived), all[position as usize - 1]);
        if budget % 16 == 0 || stored {
            assert_eq!(
                run(&mut revived, position, 40),
                all[position as usize..],
                "after {budget} bytes"
            );
        }
    }
    assert!(
        positions[0] > steps - 32 && positions[1] > 0,
        "{positions:?}"
    );
}
