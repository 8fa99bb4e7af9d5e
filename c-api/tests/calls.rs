//! The C functions, called as C calls them: the runtime's results for right calls, a status for
//! wrong ones.

mod common;

use std::ffi::CStr;
use std::ptr::{null, null_mut};

use sla::*;
use sla_runtime::{Model, Session};
use sla_tests::untrusted::Aligned16;

use common::{C, Opened, file, files};

const STEPS: usize = if cfg!(miri) { 2 } else { 5 };

/// Logits of every step by the runtime itself.
fn expected(file: &[u8]) -> Vec<i32> {
    let model = Model::parse(file).expect("a valid file");
    let (mut state, mut scratch) = (
        vec![0; model.plan().state_words],
        vec![0; model.plan().scratch_words],
    );
    let mut session = Session::new(&model, &mut state, &mut scratch).expect("planned buffers");
    let frame = vec![1_000; model.desc().inputs as usize];
    let mut all = Vec::new();
    for step in 0..STEPS {
        let mut logits = match model.desc().input {
            sla_runtime::InputKind::Tokens => session.step(step as u32 % model.desc().inputs),
            sla_runtime::InputKind::Features => session.step_features(&frame),
        }
        .expect("a valid input");
        logits.for_each_tile(|_, tile| all.extend_from_slice(tile));
    }
    all
}

#[test]
fn right_calls_give_the_runtimes_logits_whole_and_in_slices() {
    for (name, file) in files() {
        let bytes = file.bytes();
        for slices in [false, true] {
            let (model, session) = (C::<sla_model>::one(), C::<sla_session>::one());
            let mut plan = sla_plan {
                state_words: 0,
                scratch_words: 0,
                prompt_scratch_words: 0,
            };
            // SAFETY: an aligned file and storage that outlive the calls.
            unsafe {
                assert_eq!(
                    sla_model_open(model.at(), bytes.as_ptr(), bytes.len()),
                    sla_status::SLA_OK,
                    "{name}"
                );
                assert_eq!(sla_model_plan(model.at(), &mut plan), sla_status::SLA_OK);
            }
            let (mut state, mut scratch) =
                (vec![7u32; plan.state_words], vec![7u32; plan.scratch_words]);
            let mut info = std::mem::MaybeUninit::<sla_info>::uninit();
            // SAFETY: as above; buffers of the planned sizes.
            let info = unsafe {
                assert_eq!(
                    sla_model_info(model.at(), info.as_mut_ptr()),
                    sla_status::SLA_OK
                );
                let (s, w) = (state.as_mut_ptr(), scratch.as_mut_ptr());
                assert_eq!(
                    sla_self_test(model.at(), s, state.len(), w, scratch.len()),
                    sla_status::SLA_OK,
                    "{name}"
                );
                let opened =
                    sla_session_open(session.at(), model.at(), s, state.len(), w, scratch.len());
                assert_eq!(opened, sla_status::SLA_OK);
                info.assume_init()
            };
            let frame = vec![1_000i32; info.inputs as usize];
            let mut all = Vec::new();
            for step in 0..STEPS {
                let token = step as u32 % info.inputs;
                let mut logits = vec![0i32; info.outputs as usize];
                // SAFETY: as above.
                unsafe {
                    let at = session.at();
                    let begun = match (info.reads_features, slices) {
                        (false, false) => sla_step(at, token),
                        (false, true) => sla_step_begin(at, token),
                        (true, false) => sla_step_features(at, frame.as_ptr(), frame.len()),
                        (true, true) => sla_step_features_begin(at, frame.as_ptr(), frame.len()),
                    };
                    assert_eq!(begun, sla_status::SLA_OK, "{name}");
                    // One slice by hand; the logits see to the rest.
                    let mut left = usize::MAX;
                    assert_eq!(sla_slice(at, &mut left), sla_status::SLA_OK);
                    assert_eq!(left > 0, slices, "{name}: {left} slices left");
                    assert_eq!(
                        sla_logits(at, logits.as_mut_ptr(), logits.len()),
                        sla_status::SLA_OK
                    );
                    let mut best = 0;
                    assert_eq!(sla_argmax(at, &mut best), sla_status::SLA_OK);
                    let largest = logits.iter().max().expect("logits");
                    assert_eq!(
                        logits.iter().position(|l| l == largest),
                        Some(best as usize)
                    );
                    let mut position = 0;
                    assert_eq!(sla_position(at, &mut position), sla_status::SLA_OK);
                    assert_eq!(position, step as u64 + 1);
                }
                all.extend(logits);
            }
            assert_eq!(all, expected(bytes), "{name}, in slices: {slices}");
        }
    }
}

#[test]
fn wrong_calls_are_refused_by_name() {
    use sla_status::*;
    let (_, file) = files().swap_remove(0);
    let bytes = file.bytes();
    let (model, session, sampler) = (
        C::<sla_model>::one(),
        C::<sla_session>::one(),
        C::<sla_sampler>::one(),
    );
    let (mut token, mut plan) = (
        0u32,
        sla_plan {
            state_words: 0,
            scratch_words: 0,
            prompt_scratch_words: 0,
        },
    );
    let mut damaged = Aligned16::of(bytes);
    *damaged.bytes_mut().last_mut().expect("a file") ^= 1;
    let mut words = vec![0u32; 1 << 16];
    let (buffer, len) = (words.as_mut_ptr(), words.len() / 2);
    // SAFETY: every pointer is null, misaligned or points to what it is announced to point to.
    unsafe {
        let scratch = buffer.add(len);
        assert_eq!(
            sla_model_open(null_mut(), bytes.as_ptr(), bytes.len()),
            SLA_NULL
        );
        assert_eq!(sla_model_open(model.at(), null(), bytes.len()), SLA_NULL);
        assert_eq!(sla_model_open(model.at(), null(), 0), SLA_MODEL_LENGTH);
        assert_eq!(
            sla_model_open(model.at(), bytes.as_ptr(), bytes.len() - 1),
            SLA_MODEL_LENGTH
        );
        assert_eq!(
            sla_model_open(model.at(), bytes.as_ptr().add(1), bytes.len() - 1),
            SLA_NOT_SLA
        );
        assert_eq!(
            sla_model_open(model.at(), damaged.bytes().as_ptr(), bytes.len()),
            SLA_CHECKSUM
        );
        assert_eq!(
            sla_model_open(
                model.at().cast::<u8>().add(1).cast(),
                bytes.as_ptr(),
                bytes.len()
            ),
            SLA_MISALIGNED
        );
        // Nothing was opened so far.
        assert_eq!(sla_model_plan(model.at(), &mut plan), SLA_NOT_OPEN);
        assert_eq!(
            sla_session_open(session.at(), model.at(), buffer, len, scratch, len),
            SLA_NOT_OPEN
        );
        assert_eq!(sla_step(session.at(), 0), SLA_NOT_OPEN);
        assert_eq!(
            sla_sample(sampler.at(), session.at(), &mut token),
            SLA_NOT_OPEN
        );

        assert_eq!(
            sla_model_open(model.at(), bytes.as_ptr(), bytes.len()),
            SLA_OK
        );
        assert_eq!(sla_model_plan(model.at(), null_mut()), SLA_NULL);
        assert_eq!(sla_model_plan(model.at(), &mut plan), SLA_OK);
        let short = plan.state_words - 1;
        assert_eq!(
            sla_session_open(session.at(), model.at(), buffer, short, scratch, len),
            SLA_STATE
        );
        let short = plan.scratch_words - 1;
        assert_eq!(
            sla_session_open(session.at(), model.at(), buffer, len, scratch, short),
            SLA_SCRATCH
        );
        let odd = buffer.cast::<u8>().add(2).cast();
        assert_eq!(
            sla_session_open(session.at(), model.at(), odd, len - 1, scratch, len),
            SLA_MISALIGNED
        );
        assert_eq!(
            sla_session_open(session.at(), model.at(), buffer, len, scratch, len),
            SLA_OK
        );
        assert_eq!(sla_step(session.at(), u32::MAX), SLA_TOKEN);
        assert_eq!(sla_step_features(session.at(), [0].as_ptr(), 1), SLA_INPUT);
        assert_eq!(sla_prefill(session.at(), null(), 0), SLA_INPUT);
        assert_eq!(sla_prefill(session.at(), null(), 1), SLA_NULL);
        let (mut one, mut best) = (7i32, 7u32);
        assert_eq!(sla_logits(session.at(), &mut one, 1), SLA_NO_STEP);
        assert_eq!(sla_argmax(session.at(), &mut best), SLA_NO_STEP);
        assert_eq!((one, best), (7, 7));
        let (mut text, mut length) = (null(), 0);
        assert_eq!(
            sla_label(model.at(), 0, &mut text, &mut length),
            SLA_NO_LABEL
        );
        assert_eq!(
            sla_sampler_open(sampler.at(), sla_sampler_defaults()),
            SLA_OK
        );
        assert_eq!(
            sla_sample(sampler.at(), session.at(), &mut token),
            SLA_NO_STEP
        );
        assert_eq!(sla_step_begin(session.at(), 0), SLA_OK);
        assert_eq!(sla_logits(session.at(), null_mut(), 1), SLA_NULL);
        assert_eq!(sla_sample(sampler.at(), session.at(), null_mut()), SLA_NULL);
        assert_eq!(sla_sample(sampler.at(), session.at(), &mut token), SLA_OK);
        assert_eq!(sla_step(session.at(), token), SLA_OK);
        assert_eq!(sla_logits(session.at(), &mut one, 1), SLA_OK);
        assert_ne!(one, 7);
        assert_eq!(sla_reset(session.at()), SLA_OK);
        assert_eq!(sla_argmax(session.at(), &mut best), SLA_NO_STEP);
    }
}

/// What a decoder gave.
extern "C" fn collect(context: *mut std::ffi::c_void, text: *const std::ffi::c_char, bytes: usize) {
    // SAFETY: the tests pass a `Vec<u8>`, and the library as many bytes as it says.
    unsafe {
        (*context.cast::<Vec<u8>>())
            .extend_from_slice(std::slice::from_raw_parts(text.cast(), bytes))
    }
}

#[test]
fn text_is_encoded_and_decoded_and_sessions_saved_and_restored() {
    use sla_status::*;
    let all = files();
    let (_, file) = all
        .iter()
        .find(|(name, _)| *name == "gla-tokenizer")
        .expect("a file with a tokenizer");
    let (_, other) = all
        .iter()
        .find(|(name, _)| *name == "retnet-tokenizer")
        .expect("another");
    let (model, without, decoder) = (
        C::<sla_model>::one(),
        C::<sla_model>::one(),
        C::<sla_decoder>::one(),
    );
    let (session, fork, foreign) = (
        C::<sla_session>::one(),
        C::<sla_session>::one(),
        C::<sla_session>::one(),
    );
    let foreign_model = C::<sla_model>::one();
    let text = "Hello world, \u{4e16}\u{1f980}!";
    let mut ids = vec![0u32; sla_encode_words(text.len())];
    let mut words = vec![0u32; 1 << 18];
    let mut buffers = words.chunks_mut(1 << 15).map(<[u32]>::as_mut_ptr);
    let mut buffer = || buffers.next().expect("enough of them");
    const LEN: usize = 1 << 15;
    let [text_is_text, parse] = [
        sla_control_tokens::SLA_CONTROL_AS_TEXT,
        sla_control_tokens::SLA_CONTROL_PARSE,
    ]
    .map(|choice| choice as u32);
    let (mut count, mut bytes, mut seen) = (0, 0, Vec::<u8>::new());
    let context = (&raw mut seen).cast();
    let from = text.as_ptr().cast();
    // SAFETY: every pointer is null or points to what it is announced to point to.
    unsafe {
        let (plain, bytes_of) = (all[0].1.bytes(), |file: &Aligned16| {
            (file.bytes().as_ptr(), file.bytes().len())
        });
        assert_eq!(
            sla_model_open(without.at(), plain.as_ptr(), plain.len()),
            SLA_OK
        );
        let (at, len) = bytes_of(file);
        assert_eq!(sla_model_open(model.at(), at, len), SLA_OK);
        let (at, len) = bytes_of(other);
        assert_eq!(sla_model_open(foreign_model.at(), at, len), SLA_OK);

        let room = ids.len();
        let into = ids.as_mut_ptr();
        assert_eq!(
            sla_encode(
                without.at(),
                from,
                text.len(),
                true,
                text_is_text,
                into,
                room,
                &mut count
            ),
            SLA_NO_TOKENIZER
        );
        assert_eq!(
            sla_encode(
                model.at(),
                from,
                text.len(),
                true,
                text_is_text,
                into,
                3,
                &mut count
            ),
            SLA_ROOM
        );
        assert_eq!(
            sla_encode(
                model.at(),
                from,
                text.len() - 2,
                true,
                text_is_text,
                into,
                room,
                &mut count
            ),
            SLA_UTF8
        );
        assert_eq!(
            sla_encode(
                model.at(),
                from,
                text.len(),
                true,
                text_is_text,
                into,
                room,
                &mut count
            ),
            SLA_OK
        );
        assert!(count > 5 && count < text.len(), "{count} tokens");
        // A control token that is written out is text, unless it is asked for; other numbers are no
        // wish for it.
        let (control, mut lengths) = ("<|endoftext|>", Vec::new());
        for choice in [parse, text_is_text, 2, u32::MAX] {
            let mut length = 0;
            let (from, len) = (control.as_ptr().cast(), control.len());
            assert_eq!(
                sla_encode(
                    model.at(),
                    from,
                    len,
                    false,
                    choice,
                    into,
                    room,
                    &mut length
                ),
                SLA_OK
            );
            lengths.push(length);
        }
        assert!(
            lengths[0] == 1
                && lengths[1] > 1
                && lengths[1..].iter().all(|&length| length == lengths[1]),
            "{lengths:?}"
        );
        assert_eq!(
            sla_encode(
                model.at(),
                from,
                text.len(),
                true,
                text_is_text,
                into,
                room,
                &mut count
            ),
            SLA_OK
        );
        assert_eq!(
            sla_decoder_open(decoder.at(), without.at(), true),
            SLA_NO_TOKENIZER
        );
        assert_eq!(
            sla_decode(decoder.at(), 0, Some(collect), context),
            SLA_NOT_OPEN
        );
        assert_eq!(sla_decoder_open(decoder.at(), model.at(), true), SLA_OK);
        assert_eq!(sla_decode(decoder.at(), 0, None, context), SLA_NULL);
        for &id in &ids[..count] {
            assert_eq!(sla_decode(decoder.at(), id, Some(collect), context), SLA_OK);
        }
        assert_eq!(sla_decode_end(decoder.at(), Some(collect), context), SLA_OK);
        assert_eq!(String::from_utf8(seen), Ok(text.to_string()));

        for (session, model) in [
            (session.at(), model.at()),
            (fork.at(), model.at()),
            (foreign.at(), foreign_model.at()),
        ] {
            assert_eq!(
                sla_session_open(session, model, buffer(), LEN, buffer(), LEN),
                SLA_OK
            );
        }
        assert_eq!(sla_prefill(session.at(), ids.as_ptr(), count), SLA_OK);
        assert_eq!(sla_snapshot_bytes(session.at(), &mut bytes), SLA_OK);
        let mut snapshot = vec![0u8; bytes];
        assert_eq!(
            sla_save(session.at(), snapshot.as_mut_ptr(), bytes - 1),
            SLA_ROOM
        );
        assert_eq!(sla_save(session.at(), snapshot.as_mut_ptr(), bytes), SLA_OK);
        assert_eq!(
            sla_restore(foreign.at(), snapshot.as_ptr(), bytes),
            SLA_SNAPSHOT_MODEL
        );
        assert_eq!(
            sla_restore(fork.at(), snapshot.as_ptr(), bytes - 1),
            SLA_NOT_A_SNAPSHOT
        );
        snapshot[bytes / 2] ^= 1;
        assert_eq!(
            sla_restore(fork.at(), snapshot.as_ptr(), bytes),
            SLA_SNAPSHOT_DAMAGED
        );
        snapshot[bytes / 2] ^= 1;
        assert_eq!(sla_restore(fork.at(), snapshot.as_ptr(), bytes), SLA_OK);
        let (mut a, mut b) = (vec![0i32; 512], vec![1i32; 512]);
        for token in 0..3 {
            assert_eq!(sla_logits(session.at(), a.as_mut_ptr(), a.len()), SLA_OK);
            assert_eq!(sla_logits(fork.at(), b.as_mut_ptr(), b.len()), SLA_OK);
            assert_eq!(a, b, "after {token} tokens");
            assert_eq!(sla_step(session.at(), token), SLA_OK);
            assert_eq!(sla_step(fork.at(), token), SLA_OK);
        }
    }
}

#[test]
fn every_status_has_a_text_of_its_own() {
    let text = |status: i32| {
        // SAFETY: a static string.
        unsafe { CStr::from_ptr(sla_status_text(status)) }
            .to_str()
            .expect("ASCII")
    };
    let texts: Vec<&str> = (0..=sla_status::SLA_HEADER as i32).map(text).collect();
    let mut unique = texts.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), texts.len());
    assert_eq!(
        text(sla_status::SLA_CHECKSUM as i32),
        "the model is corrupted: its checksum does not match"
    );
    assert_eq!(
        text(texts.len() as i32),
        "unknown status",
        "the last status is not the last"
    );
    assert_eq!(
        (text(-1), text(10_000)),
        ("unknown status", "unknown status")
    );
}

#[test]
fn buffers_that_overlap_are_refused() {
    use sla_status::*;
    let opened = Opened::new(file("gla-tokenizer"));
    let (state, scratch) = (opened.plan.state_words, opened.plan.scratch_words);
    let words = C::<u32>::many(state + scratch);
    let (session, model) = (C::<sla_session>::one(), opened.model.at());
    // Storage that lies at the end of a buffer.
    let inside = |words: &C<u32>, bytes: usize| {
        words
            .at()
            .wrapping_byte_add(4 * words.len() - bytes)
            .map_addr(|at| at & !7)
    };
    let huge = usize::MAX / 4;
    // SAFETY: every pointer points to what it is announced to point to, or to memory that is
    // refused.
    unsafe {
        let (first, second) = (words.at(), words.at().add(state));
        assert_eq!(
            sla_session_open(session.at(), model, first, state, first, scratch),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_session_open(session.at(), model, first, state + 1, second, scratch),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_session_open(session.at(), model, first, state, second.sub(1), scratch),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_session_open(session.at(), model, first, state, second, huge),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_session_open(session.at(), model, first, usize::MAX, second, scratch),
            SLA_OVERLAP
        );
        let within = inside(&words, size_of::<sla_session>()).cast();
        assert_eq!(
            sla_session_open(within, model, first, state, second, scratch),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_self_test(model, first, state, second.sub(1), scratch),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_model_open(model, model.cast::<u8>().add(8), 64),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_model_open(model, opened.bytes().as_ptr(), usize::MAX),
            SLA_OVERLAP
        );

        assert_eq!(
            sla_session_open(session.at(), model, first, state, second, scratch),
            SLA_OK
        );
        assert_eq!(sla_prefill(session.at(), second.add(8), 1), SLA_OVERLAP);
        assert_eq!(
            sla_step_features(session.at(), first.cast(), 1),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_step_features_begin(session.at(), first.cast(), 1),
            SLA_OVERLAP
        );
        assert_eq!(sla_step(session.at(), 1), SLA_OK);
        let mut best = 0;
        assert_eq!(sla_logits(session.at(), second.cast(), 1), SLA_OVERLAP);
        assert_eq!(sla_argmax(session.at(), first), SLA_OVERLAP);
        assert_eq!(
            sla_slice(
                session.at(),
                first.wrapping_byte_add(first.addr() % 8).cast()
            ),
            SLA_OVERLAP
        );
        assert_eq!(sla_save(session.at(), first.cast(), 4 * state), SLA_OVERLAP);
        assert_eq!(
            sla_restore(session.at(), first.cast(), 4 * state),
            SLA_OVERLAP
        );
        assert_eq!(
            sla_argmax(session.at(), &mut best),
            SLA_OK,
            "what was refused has changed nothing"
        );

        let mut count = 0;
        let text = words.at().cast();
        assert_eq!(
            sla_encode(model, text, 4, true, 0, words.at(), 16, &mut count),
            SLA_OVERLAP
        );
    }
}

#[test]
fn what_is_refused_has_done_nothing() {
    use sla_status::*;
    let opened = Opened::new(file("retnet"));
    let scratch = opened.scratch();
    let session = opened.session(&scratch);
    assert_eq!(session.begin(1), SLA_OK);
    // SAFETY: an open session; null pointers.
    unsafe {
        assert_eq!(sla_slice(session.at(), null_mut()), SLA_NULL);
        assert_eq!(sla_logits(session.at(), null_mut(), 0), SLA_OK);
    }
    assert_eq!(session.begin(1), SLA_OK);
    let whole = session.slice().expect("a step");
    assert_eq!(session.reset(), SLA_OK);
    assert_eq!(session.begin(1), SLA_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { sla_slice(session.at(), null_mut()) }, SLA_NULL);
    assert_eq!(
        session.slice(),
        Ok(whole),
        "the refused call has run a slice"
    );
}

#[test]
fn the_length_of_a_file_is_in_its_first_bytes() {
    use sla_status::*;
    let bytes_of = |start: &[u8]| {
        let mut bytes = 7;
        // SAFETY: as many bytes as announced.
        let status = unsafe { sla_file_bytes(start.as_ptr(), start.len(), &mut bytes) };
        (status, bytes)
    };
    for (name, file) in files() {
        let file = file.bytes();
        for have in [16, 32, file.len()] {
            assert_eq!(bytes_of(&file[..have]), (SLA_OK, file.len()), "{name}");
        }
        // In flash it need not be aligned for this.
        assert_eq!(
            bytes_of(&[&[0], &file[..16]].concat()[1..]),
            (SLA_OK, file.len()),
            "{name}"
        );
        for have in 0..16 {
            assert_eq!(bytes_of(&file[..have]), (SLA_MODEL_LENGTH, 7), "{name}");
        }
        let with = |at: usize, word: u32| {
            let mut start = file[..16].to_vec();
            start[at..at + 4].copy_from_slice(&word.to_le_bytes());
            bytes_of(&start)
        };
        assert_eq!(with(0, u32::MAX), (SLA_NOT_SLA, 7), "erased flash");
        assert_eq!(
            (with(4, 2), with(12, 31)),
            ((SLA_VERSION, 7), (SLA_INVALID, 7))
        );
        assert_eq!(with(12, u32::MAX), (SLA_OK, u32::MAX as usize));
    }
    let mut bytes = 0;
    // SAFETY: null pointers.
    unsafe {
        assert_eq!(sla_file_bytes(null(), 16, &mut bytes), SLA_NULL);
        assert_eq!(sla_file_bytes(null(), 0, &mut bytes), SLA_MODEL_LENGTH);
        assert_eq!(
            sla_file_bytes(files()[0].1.bytes().as_ptr(), 16, null_mut()),
            SLA_NULL
        );
    }
}

/// A text function that uses the decoder that calls it.
extern "C" fn decode_again(context: *mut std::ffi::c_void, _: *const std::ffi::c_char, _: usize) {
    // SAFETY: the test passes this.
    unsafe {
        let (decoder, status) = *context.cast::<(*mut sla_decoder, *mut sla_status)>();
        status.write(sla_decode_end(decoder, Some(collect), null_mut()));
    }
}

#[test]
fn a_decoder_is_not_open_to_the_text_function_that_it_calls() {
    let opened = Opened::new(file("gla-tokenizer"));
    let (decoder, status) = (C::<sla_decoder>::one(), C::<sla_status>::one());
    let context = C::one();
    context.set(&[(decoder.at(), status.at())]);
    // SAFETY: storage that outlives the calls; 33 is a token with a text.
    unsafe {
        assert_eq!(
            sla_decoder_open(decoder.at(), opened.model.at(), true),
            sla_status::SLA_OK
        );
        assert_eq!(
            sla_decode(decoder.at(), 33, Some(decode_again), context.at().cast()),
            sla_status::SLA_OK
        );
        assert_eq!(status.get(), [sla_status::SLA_NOT_OPEN]);
        assert_eq!(
            sla_decode(decoder.at(), 33, Some(decode_again), context.at().cast()),
            sla_status::SLA_OK
        );
    }
}
