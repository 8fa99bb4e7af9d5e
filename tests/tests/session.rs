//! What a session promises: the same input gives the same bits, whatever the buffers held; errors
//! change nothing; every way of looking at the logits agrees; the sampler draws what its
//! configuration says.

use sla_converter::checkpoint::synth;
use sla_converter::owned_model::Memory;
use sla_format::{LOGIT_TILE, MemoryPlan, ModelDesc, StateKind, States};
use sla_reference::{Backbone, Config, Input, KeyGate, QueryGate, Sla};
use sla_runtime::{I16F16, Model, Sampler, SamplerConfig, Session, StepError};
use sla_tests::{Case, STATES, Stream};

const STEPS: usize = 40;
const BACKBONES: [Backbone; 3] = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];

fn config(backbone: Backbone) -> Config {
    Config {
        sla: Some(Sla {
            query_gate: Some(QueryGate::Output),
            key_gate: Some(if backbone == Backbone::GatedDeltaNet {
                KeyGate::Beta
            } else {
                KeyGate::Key
            }),
            query_gate_scale: 4.0,
            key_gate_scale: 1.0,
            temperature: 1.0,
            bias: false,
        }),
        conv: (backbone != Backbone::RetNet).then_some(4),
        // More than two tiles of logits, the last one short.
        outputs: 70,
        input: Input::Tokens { vocab: 70 },
        ..synth::small(backbone)
    }
}

fn case(backbone: Backbone) -> Case {
    case_of(backbone, StateKind::Int32)
}

fn case_of(backbone: Backbone, state: StateKind) -> Case {
    let config = config(backbone);
    Case::of_state(config.clone(), synth::weights(&config, 11), state)
}

/// Every backbone with every representation of its state.
fn cases() -> impl Iterator<Item = (Backbone, Case)> {
    BACKBONES
        .into_iter()
        .flat_map(|backbone| STATES.map(|state| (backbone, case_of(backbone, state))))
}

fn features() -> Case {
    let input = Input::Features {
        size: 3,
        mean: vec![1.0, -2.0, 0.0],
        std: vec![0.5, 3.0, 1.0],
    };
    let config = Config {
        input,
        outputs: 5,
        ..config(Backbone::Gla)
    };
    Case::of(config.clone(), synth::weights(&config, 11))
}

fn bits(session: &mut Session, tokens: &[u32]) -> Vec<Vec<I16F16>> {
    let outputs = session.model().desc().outputs as usize;
    let step = |&token: &u32| {
        let mut out = vec![I16F16::ZERO; outputs];
        session
            .step(token)
            .expect("a token of the vocabulary")
            .write(&mut out);
        out
    };
    tokens.iter().map(step).collect()
}

fn tokens(seed: u64) -> Vec<u32> {
    match Stream::random(&config(Backbone::Gla), STEPS, seed) {
        Stream::Tokens(ids) => ids,
        Stream::Frames(_) => unreachable!("a language model"),
    }
}

#[test]
fn what_the_buffers_held_before_does_not_matter() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let plan = model.plan();
        let fresh = bits(&mut case.file.memory().session(&model).unwrap(), &tokens(1));
        for garbage in [u32::MAX, 0x8000_0000, 0x7fff_ffff, 0x5555_aaaa] {
            let (mut state, mut scratch) = (
                vec![garbage; plan.state_words],
                vec![garbage; plan.scratch_words + 9],
            );
            let mut session = Session::new(&model, &mut state, &mut scratch).unwrap();
            assert_eq!(
                bits(&mut session, &tokens(1)),
                fresh,
                "{backbone:?}, {garbage:#x}"
            );
            // And after another text.
            bits(&mut session, &tokens(2));
            session.reset();
            assert_eq!(session.position(), 0);
            assert_eq!(
                bits(&mut session, &tokens(1)),
                fresh,
                "{backbone:?}, after a reset"
            );
            assert_eq!(session.position(), STEPS as u64);
        }
    }
}

#[test]
fn a_parsed_copy_elsewhere_gives_the_same_bits() {
    for (_, case) in cases() {
        let copy = sla_converter::owned_model::OwnedModel::from_bytes(case.file.bytes()).unwrap();
        let (a, b) = (case.file.model(), copy.model());
        let (mut ma, mut mb) = (case.file.memory(), copy.memory());
        let (mut a, mut b) = (ma.session(&a).unwrap(), mb.session(&b).unwrap());
        // By turns: neither sees the other.
        for &token in &tokens(3) {
            assert_eq!(bits(&mut a, &[token]), bits(&mut b, &[token]));
        }
    }
}

#[test]
fn converting_twice_gives_the_same_file() {
    for backbone in BACKBONES {
        assert!(
            case(backbone).file.bytes() == case(backbone).file.bytes(),
            "{backbone:?}"
        );
    }
}

#[test]
fn sessions_resume_in_shared_scratch() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let plan = model.plan();
        let texts = [tokens(4), tokens(5)];
        let wants = texts
            .each_ref()
            .map(|text| bits(&mut case.file.memory().session(&model).unwrap(), text));
        let (mut states, mut scratch) = (
            [(); 2].map(|()| vec![0; plan.state_words]),
            vec![9; plan.scratch_words],
        );
        for step in 0..STEPS {
            for ((state, text), want) in states.iter_mut().zip(&texts).zip(&wants) {
                let mut left = Session::resume(&model, state, &mut scratch, 0)
                    .unwrap()
                    .slices(text[step])
                    .unwrap()
                    .left();
                assert!(left > 2);
                while left > 0 {
                    let mut session = Session::resume(&model, state, &mut scratch, left).unwrap();
                    assert!(session.pending().run_next());
                    left = session.pending().left();
                }
                let mut got = vec![I16F16::ZERO; want[step].len()];
                Session::resume(&model, state, &mut scratch, 0)
                    .unwrap()
                    .logits()
                    .write(&mut got);
                assert_eq!(got, want[step], "{backbone:?}, step {step}");
            }
        }
        let mut short = vec![0; plan.scratch_words - 1];
        let error = Session::resume(&model, &mut states[0], &mut short, 0).err();
        assert_eq!(
            error,
            Some(StepError::Scratch {
                need: plan.scratch_words,
                have: short.len()
            })
        );
    }
}

#[test]
fn prefill_equals_stepping() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let text = tokens(4);
        // One token at a time, and two.
        for mut filling in [case.file.memory(), Memory::for_prompts(&model)] {
            let mut stepping = case.file.memory();
            let (mut stepper, mut filler) = (
                stepping.session(&model).unwrap(),
                filling.session(&model).unwrap(),
            );
            for part in [
                &text[..1],
                &text[1..3],
                &text[3..9],
                &text[9..12],
                &text[12..],
            ] {
                let want = bits(&mut stepper, part).pop().unwrap();
                let mut got = vec![I16F16::ZERO; want.len()];
                filler.prefill(part).unwrap().write(&mut got);
                assert_eq!(got, want, "{backbone:?}");
                assert_eq!(filler.position(), stepper.position());
                let mut again = vec![I16F16::ZERO; want.len()];
                filler.logits().write(&mut again);
                assert_eq!(
                    again, want,
                    "{backbone:?}: the logits of the last step again"
                );
            }
            assert_eq!(
                filling.buffers().0,
                stepping.buffers().0,
                "{backbone:?}: the states"
            );
        }
    }
}

#[test]
fn a_step_in_slices_is_a_step() {
    for backbone in BACKBONES {
        let case = case(backbone);
        let model = case.file.model();
        let want = bits(&mut case.file.memory().session(&model).unwrap(), &tokens(6));
        let mut memory = case.file.memory();
        let mut session = memory.session(&model).unwrap();
        for (at, (&token, want)) in tokens(6).iter().zip(&want).enumerate() {
            let mut slices = session.slices(token).unwrap();
            let all = slices.left();
            assert_eq!(all, 2 * model.desc().layers as usize + 1);
            let run = at % (all + 1);
            for done in 0..run {
                assert_eq!(slices.left(), all - done);
                assert!(slices.run_next());
            }
            if run == all {
                assert!(!slices.run_next(), "there are no more");
            }
            if at % 3 == 0 && at + 1 < STEPS {
                // Left half done: the next step finishes it first.
                continue;
            }
            let mut got = vec![I16F16::ZERO; want.len()];
            slices.finish().write(&mut got);
            assert_eq!(&got, want, "{backbone:?}, step {at}");
        }
        assert_eq!(session.position(), STEPS as u64);
        assert_eq!(
            session.slices(70).err(),
            Some(StepError::Token {
                token: 70,
                vocabulary: 70
            })
        );
        let mut slices = session.slices(0).unwrap();
        slices.run_next();
        session.reset();
        assert_eq!(
            bits(&mut session, &tokens(6)),
            want,
            "{backbone:?}: a reset forgets what was not finished"
        );
    }
    let case = features();
    let model = case.file.model();
    let (mut whole, mut cut) = (case.file.memory(), case.file.memory());
    let (mut whole, mut cut) = (whole.session(&model).unwrap(), cut.session(&model).unwrap());
    for frame in [[5; 3], [-70, 3, 900]] {
        let (mut want, mut got) = ([I16F16::ZERO; 5], [I16F16::ZERO; 5]);
        whole.step_features(&frame).unwrap().write(&mut want);
        cut.slices_features(&frame)
            .unwrap()
            .finish()
            .write(&mut got);
        assert_eq!(got, want);
    }
    assert_eq!(
        cut.slices_features(&[0; 2]).err(),
        Some(StepError::Features { need: 3, have: 2 })
    );
}

/// A task that keeps nothing but the session from one activation to the next, and computes one
/// slice or one tile in each.
#[test]
fn a_step_may_be_taken_up_again_piece_by_piece() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let want = bits(&mut case.file.memory().session(&model).unwrap(), &tokens(6));
        let mut memory = case.file.memory();
        let mut session = memory.session(&model).unwrap();
        assert_eq!(
            (session.pending().left(), session.pending().run_next()),
            (0, false)
        );
        for (&token, want) in tokens(6).iter().zip(&want) {
            let mut pieces = session.slices(token).unwrap().left();
            assert_eq!(pieces, 2 * model.desc().layers as usize + 1);
            while session.pending().run_next() {
                pieces -= 1;
                assert_eq!(session.pending().left(), pieces);
            }
            let mut got = Vec::new();
            for index in 0.. {
                let mut logits = session.logits();
                let Some(tile) = logits.tile(index) else {
                    break;
                };
                assert!(
                    tile.len() == LOGIT_TILE || (index == 2 && tile.len() == 70 - 2 * LOGIT_TILE)
                );
                got.extend(tile.iter().map(|&logit| I16F16::from_bits(logit)));
            }
            assert_eq!(&got, want, "{backbone:?}");
            assert_eq!(session.logits().tile(usize::MAX), None);
        }
    }
}

#[test]
fn a_refused_step_changes_nothing() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let want = bits(&mut case.file.memory().session(&model).unwrap(), &tokens(5));
        let mut memory = case.file.memory();
        let mut session = memory.session(&model).unwrap();
        let mut got = Vec::new();
        for &token in &tokens(5) {
            let position = session.position();
            for bad in [70, 71, u32::MAX] {
                assert_eq!(
                    session.step(bad).err(),
                    Some(StepError::Token {
                        token: bad,
                        vocabulary: 70
                    })
                );
            }
            assert_eq!(session.step_features(&[1; 3]).err(), Some(StepError::Input));
            assert_eq!(session.prefill(&[]).err(), Some(StepError::Input));
            // The last token of a prompt is checked before the first is consumed.
            assert!(session.prefill(&[1, 2, 3, 70]).is_err());
            assert_eq!(session.position(), position);
            got.extend(bits(&mut session, &[token]));
        }
        assert_eq!(got, want, "{backbone:?}");
    }
    let case = features();
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    assert_eq!(session.step(0).err(), Some(StepError::Input));
    assert_eq!(session.prefill(&[0]).err(), Some(StepError::Input));
    assert_eq!(
        session.step_features(&[0; 2]).err(),
        Some(StepError::Features { need: 3, have: 2 })
    );
    assert_eq!(
        session.step_features(&[0; 4]).err(),
        Some(StepError::Features { need: 3, have: 4 })
    );
    assert_eq!(session.position(), 0);
    let first = session
        .step_features(&[5; 3])
        .map(|mut l| l.argmax())
        .unwrap();
    session.reset();
    assert_eq!(
        session.step_features(&[5; 3]).map(|mut l| l.argmax()),
        Ok(first)
    );
}

#[test]
fn short_buffers_are_refused_and_exact_ones_do() {
    for case in cases().map(|(_, case)| case).chain([features()]) {
        let model = case.file.model();
        let MemoryPlan {
            state_words,
            scratch_words,
            ..
        } = model.plan();
        assert_eq!(MemoryPlan::of_file(case.file.bytes()), model.plan());
        let desc = ModelDesc::of_file(case.file.bytes());
        assert_eq!(
            MemoryPlan::of(&desc, States::of_file(case.file.bytes(), &desc)),
            model.plan()
        );
        for (state, scratch, want) in [
            (
                state_words - 1,
                scratch_words,
                Err(StepError::State {
                    need: state_words,
                    have: state_words - 1,
                }),
            ),
            (
                0,
                0,
                Err(StepError::State {
                    need: state_words,
                    have: 0,
                }),
            ),
            (
                state_words,
                scratch_words - 1,
                Err(StepError::Scratch {
                    need: scratch_words,
                    have: scratch_words - 1,
                }),
            ),
            (state_words, scratch_words, Ok(())),
        ] {
            let (mut state, mut scratch) = (vec![0; state], vec![0; scratch]);
            assert_eq!(
                Session::new(&model, &mut state, &mut scratch).map(|_| ()),
                want
            );
        }
    }
}

/// S of an int16 state takes half the words, and nothing else changes.
#[test]
fn an_int16_state_is_half_as_large() {
    for backbone in BACKBONES {
        let [int32, int16] = STATES.map(|state| case_of(backbone, state).file.model().plan());
        let config = config(backbone);
        let s = config.layers * config.value_heads * config.d_k * config.d_v;
        assert_eq!(int32.state_words - int16.state_words, s / 2, "{backbone:?}");
        assert_eq!(int32.scratch_words, int16.scratch_words, "{backbone:?}");
    }
}

/// The plan is exact: every word of the state but the reserved one is written in the course of a
/// stream.
#[test]
fn the_whole_state_is_used() {
    for (backbone, case) in cases() {
        let model = case.file.model();
        let plan = model.plan();
        let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
        let mut used = vec![false; plan.state_words];
        for text in 1..6 {
            for len in [1, 3, 17, STEPS] {
                let mut session = Session::new(&model, &mut state, &mut scratch).unwrap();
                bits(&mut session, &tokens(text)[..len]);
                used.iter_mut()
                    .zip(&state)
                    .for_each(|(used, &word)| *used |= word != 0);
            }
        }
        // High half of the position, reserved word.
        let unused = used
            .iter()
            .enumerate()
            .filter(|(i, used)| !**used && *i != 1 && *i != 3)
            .count();
        assert!(
            unused * 50 <= plan.state_words,
            "{backbone:?}: {unused} of {} words unused",
            plan.state_words
        );
    }
}

#[test]
fn all_views_of_the_logits_agree() {
    for case in BACKBONES.map(case) {
        let model = case.file.model();
        let mut memory = case.file.memory();
        let mut session = memory.session(&model).unwrap();
        for token in tokens(6) {
            let mut logits = session.step(token).unwrap();
            let mut written = [I16F16::MAX; 72];
            logits.write(&mut written);
            assert_eq!(written[70..], [I16F16::MAX; 2], "beyond the outputs");
            let written = &written[..70];
            let mut short = [I16F16::MAX; 33];
            logits.write(&mut short);
            assert_eq!(short, written[..33]);

            let mut tiled = Vec::new();
            logits.for_each_tile(|first, tile| {
                assert_eq!(first as usize, tiled.len());
                tiled.extend(tile.iter().map(|&l| I16F16::from_bits(l)));
            });
            assert_eq!(tiled, written);

            let mut order: Vec<u32> = (0..70).collect();
            order.sort_by_key(|&i| (core::cmp::Reverse(written[i as usize]), i));
            let ranked = |k: usize| -> Vec<(u32, I16F16)> {
                order[..k]
                    .iter()
                    .map(|&i| (i, written[i as usize]))
                    .collect()
            };
            assert_eq!(logits.argmax(), order[0]);
            assert_eq!(logits.top_k::<1>()[..], ranked(1));
            assert_eq!(logits.top_k::<7>()[..], ranked(7));
            assert_eq!(logits.top_k::<100>()[..], ranked(70));
            assert!(logits.top_k::<0>().is_empty());
        }
    }
}

#[test]
fn equal_logits_come_in_order_of_their_index() {
    // A head of zeros.
    let config = config(Backbone::RetNet);
    let mut weights = synth::weights(&config, 1);
    weights.head.weight.as_mut().unwrap().data.fill(0.0);
    let case = Case::of(config, weights);
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    let mut logits = session.step(3).unwrap();
    assert_eq!(logits.argmax(), 0);
    let top: Vec<u32> = logits.top_k::<5>().iter().map(|t| t.0).collect();
    assert_eq!(top, [0, 1, 2, 3, 4]);
}

fn greedy() -> SamplerConfig {
    SamplerConfig {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        repetition_penalty: 1.0,
        seed: 0,
    }
}

fn drawing() -> SamplerConfig {
    SamplerConfig {
        temperature: 1.0,
        ..greedy()
    }
}

/// Text that a model writes with a sampler.
fn text(model: &Model, memory: &mut Memory, config: SamplerConfig, n: usize) -> Vec<u32> {
    let mut session = memory.session(model).unwrap();
    let mut sampler = Sampler::new(config);
    let mut token = 1;
    (0..n)
        .map(|_| {
            token = sampler.sample(&mut session.step(token).unwrap());
            token
        })
        .collect()
}

#[test]
fn the_seed_decides_the_text() {
    for case in BACKBONES.map(case) {
        let model = case.file.model();
        let mut memory = case.file.memory();
        let mut with = |seed| text(&model, &mut memory, SamplerConfig { seed, ..drawing() }, 50);
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert_ne!(with(0), with(u64::MAX));
    }
}

#[test]
fn what_leaves_one_candidate_is_greedy() {
    for case in BACKBONES.map(case) {
        let model = case.file.model();
        let mut memory = case.file.memory();
        let mut session = memory.session(&model).unwrap();
        let configs = [
            greedy(),
            SamplerConfig {
                temperature: -1.0,
                ..greedy()
            },
            SamplerConfig {
                temperature: 1e-6,
                ..drawing()
            },
            SamplerConfig {
                top_k: 1,
                ..drawing()
            },
            SamplerConfig {
                top_p: 1e-9,
                ..drawing()
            },
            SamplerConfig {
                top_p: 0.0,
                ..drawing()
            },
        ];
        for token in tokens(7) {
            let mut logits = session.step(token).unwrap();
            let best = logits.argmax();
            for config in configs {
                assert_eq!(Sampler::new(config).sample(&mut logits), best, "{config:?}");
            }
        }
    }
}

/// χ² of 200,000 draws from one set of logits against the probabilities that the configuration asks
/// for.
#[test]
fn frequencies_match_the_probabilities() {
    const DRAWS: usize = 200_000;
    let case = case(Backbone::Gla);
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    session.prefill(&tokens(8)).unwrap();
    for config in [
        drawing(),
        SamplerConfig {
            temperature: 0.7,
            seed: 1,
            ..drawing()
        },
        SamplerConfig {
            temperature: 3.0,
            seed: 2,
            ..drawing()
        },
        SamplerConfig {
            top_k: 5,
            seed: 3,
            ..drawing()
        },
        SamplerConfig {
            top_p: 0.6,
            temperature: 1.5,
            seed: 4,
            ..drawing()
        },
    ] {
        let mut logits = session.logits();
        let mut ranked: Vec<(u32, f64)> = logits
            .top_k::<70>()
            .iter()
            .map(|t| (t.0, t.1.to_num::<f64>()))
            .collect();
        if config.top_k > 0 {
            ranked.truncate(config.top_k);
        }
        let top = ranked[0].1;
        ranked
            .iter_mut()
            .for_each(|r| r.1 = ((r.1 - top) / f64::from(config.temperature)).exp());
        let total: f64 = ranked.iter().map(|r| r.1).sum();
        let mut kept = 0.0;
        let needed = ranked.iter().position(|r| {
            kept += r.1 / total;
            kept >= f64::from(config.top_p)
        });
        ranked.truncate(needed.map_or(70, |n| n + 1));
        let total: f64 = ranked.iter().map(|r| r.1).sum();

        let mut counts = [0usize; 70];
        let mut sampler = Sampler::new(config);
        for _ in 0..DRAWS {
            counts[sampler.sample(&mut logits) as usize] += 1;
        }
        let mut chi2 = 0.0;
        let (mut cells, mut rest, mut rest_expected) = (0, 0, 0.0);
        for (token, weight) in &ranked {
            let expected = weight / total * DRAWS as f64;
            let seen = std::mem::take(&mut counts[*token as usize]);
            if expected < 10.0 {
                rest += seen;
                rest_expected += expected;
            } else {
                chi2 += (seen as f64 - expected).powi(2) / expected;
                cells += 1;
            }
        }
        if rest_expected > 10.0 {
            chi2 += (rest as f64 - rest_expected).powi(2) / rest_expected;
            cells += 1;
        }
        assert_eq!(counts, [0; 70], "only kept tokens are drawn: {config:?}");
        let freedom = f64::from(cells - 1);
        // Six standard deviations; the error of micromath's exp does not show in 200,000 draws.
        eprintln!("χ² = {chi2:.1} with {freedom} degrees of freedom: {config:?}");
        assert!(
            chi2 < freedom + 6.0 * (2.0 * freedom).sqrt(),
            "χ² = {chi2} of {freedom}: {config:?}"
        );
    }
}

#[test]
fn the_repetition_penalty_lowers_repeats() {
    let repeats = |text: &[u32]| {
        (1..text.len())
            .filter(|&i| text[i.saturating_sub(64)..i].contains(&text[i]))
            .count()
    };
    for case in BACKBONES.map(case) {
        let model = case.file.model();
        let mut memory = case.file.memory();
        let mut with = |penalty| {
            let config = SamplerConfig {
                repetition_penalty: penalty,
                ..drawing()
            };
            (0..5)
                .map(|seed| {
                    repeats(&text(
                        &model,
                        &mut memory,
                        SamplerConfig { seed, ..config },
                        100,
                    ))
                })
                .sum::<usize>()
        };
        let (none, some, strong) = (with(1.0), with(1.3), with(5.0));
        eprintln!("repeats of 500: {none}, with a penalty of 1.3 {some}, of 5 {strong}");
        assert!(some < none && strong < some);
    }
}

#[test]
fn an_observed_prompt_counts_as_repeated() {
    let case = case(Backbone::Gla);
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    let mut logits = session.step(1).unwrap();
    let best = logits.argmax();
    let mut sampler = Sampler::new(SamplerConfig {
        repetition_penalty: 1e4,
        ..greedy()
    });
    sampler.observe(best);
    assert_ne!(sampler.sample(&mut logits), best);
}

/// Nothing that a configuration can hold makes the sampler panic or leave the vocabulary.
#[test]
fn senseless_configurations_do_no_harm() {
    let case = case(Backbone::RetNet);
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e-45,
        1e30,
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    let mut logits = session.step(1).unwrap();
    for temperature in floats {
        for top_p in floats {
            for repetition_penalty in floats {
                for top_k in [0, 1, 3, usize::MAX] {
                    let config = SamplerConfig {
                        temperature,
                        top_k,
                        top_p,
                        repetition_penalty,
                        seed: 1,
                    };
                    let mut sampler = Sampler::new(config);
                    for _ in 0..3 {
                        assert!(sampler.sample(&mut logits) < 70, "{config:?}");
                    }
                }
            }
        }
    }
}
