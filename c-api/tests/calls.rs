//! The C functions, called as C calls them: the runtime's results for right calls, a status for wrong ones.

use std::ffi::CStr;
use std::ptr::{null, null_mut};

use sla::*;
use sla_runtime::{Model, Session};
use sla_tests::untrusted::{Aligned16, small_files};

const STEPS: usize = 5;

/// Storage as C has it before anything is opened: zeros.
fn zeroed<T>() -> Box<T> {
    // SAFETY: only used for the storage structures, which are arrays of integers.
    unsafe { Box::new(std::mem::MaybeUninit::zeroed().assume_init()) }
}

fn files() -> Vec<(&'static str, Aligned16)> {
    small_files().into_iter().map(|(name, file)| (name, Aligned16::of(&file))).collect()
}

/// Logits of every step by the runtime itself.
fn expected(file: &[u8]) -> Vec<i32> {
    let model = Model::parse(file).expect("a valid file");
    let (mut state, mut scratch) = (vec![0; model.plan().state_words], vec![0; model.plan().scratch_words]);
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
            let (mut model, mut session) = (zeroed::<sla_model>(), zeroed::<sla_session>());
            let mut plan = sla_plan { state_words: 0, scratch_words: 0, prompt_scratch_words: 0 };
            // SAFETY: an aligned file and storage that outlive the calls.
            unsafe {
                assert_eq!(sla_model_open(&mut *model, bytes.as_ptr(), bytes.len()), sla_status::SLA_OK, "{name}");
                assert_eq!(sla_model_plan(&mut *model, &mut plan), sla_status::SLA_OK);
            }
            let (mut state, mut scratch) = (vec![7u32; plan.state_words], vec![7u32; plan.scratch_words]);
            let mut info = std::mem::MaybeUninit::<sla_info>::uninit();
            // SAFETY: as above; buffers of the planned sizes.
            let info = unsafe {
                assert_eq!(sla_model_info(&mut *model, info.as_mut_ptr()), sla_status::SLA_OK);
                let (s, w) = (state.as_mut_ptr(), scratch.as_mut_ptr());
                assert_eq!(sla_self_test(&mut *model, s, state.len(), w, scratch.len()), sla_status::SLA_OK, "{name}");
                let opened = sla_session_open(&mut *session, &mut *model, s, state.len(), w, scratch.len());
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
                    let at = &mut *session;
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
                    assert_eq!(sla_logits(at, logits.as_mut_ptr(), logits.len()), sla_status::SLA_OK);
                    let mut best = 0;
                    assert_eq!(sla_argmax(at, &mut best), sla_status::SLA_OK);
                    let largest = logits.iter().max().expect("logits");
                    assert_eq!(logits.iter().position(|l| l == largest), Some(best as usize));
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
    let (mut model, mut session, mut sampler) =
        (zeroed::<sla_model>(), zeroed::<sla_session>(), zeroed::<sla_sampler>());
    let (mut token, mut plan) = (0u32, sla_plan { state_words: 0, scratch_words: 0, prompt_scratch_words: 0 });
    let mut damaged = Aligned16::of(bytes);
    *damaged.bytes_mut().last_mut().expect("a file") ^= 1;
    let mut words = vec![0u32; 1 << 16];
    let (buffer, len) = (words.as_mut_ptr(), words.len() / 2);
    // SAFETY: every pointer is null, misaligned or points to what it is announced to point to.
    unsafe {
        let scratch = buffer.add(len);
        assert_eq!(sla_model_open(null_mut(), bytes.as_ptr(), bytes.len()), SLA_NULL);
        assert_eq!(sla_model_open(&mut *model, null(), bytes.len()), SLA_NULL);
        assert_eq!(sla_model_open(&mut *model, null(), 0), SLA_MODEL_LENGTH);
        assert_eq!(sla_model_open(&mut *model, bytes.as_ptr(), bytes.len() - 1), SLA_MODEL_LENGTH);
        assert_eq!(sla_model_open(&mut *model, bytes.as_ptr().add(1), bytes.len() - 1), SLA_NOT_SLA);
        assert_eq!(sla_model_open(&mut *model, damaged.bytes().as_ptr(), bytes.len()), SLA_CHECKSUM);
        assert_eq!(
            sla_model_open((&raw mut *model).cast::<u8>().add(1).cast(), bytes.as_ptr(), bytes.len()),
            SLA_MISALIGNED
        );
        // Nothing was opened so far.
        assert_eq!(sla_model_plan(&mut *model, &mut plan), SLA_NOT_OPEN);
        assert_eq!(sla_session_open(&mut *session, &mut *model, buffer, len, scratch, len), SLA_NOT_OPEN);
        assert_eq!(sla_step(&mut *session, 0), SLA_NOT_OPEN);
        assert_eq!(sla_sample(&mut *sampler, &mut *session, &mut token), SLA_NOT_OPEN);

        assert_eq!(sla_model_open(&mut *model, bytes.as_ptr(), bytes.len()), SLA_OK);
        assert_eq!(sla_model_plan(&mut *model, null_mut()), SLA_NULL);
        assert_eq!(sla_model_plan(&mut *model, &mut plan), SLA_OK);
        let short = plan.state_words - 1;
        assert_eq!(sla_session_open(&mut *session, &mut *model, buffer, short, scratch, len), SLA_STATE);
        let short = plan.scratch_words - 1;
        assert_eq!(sla_session_open(&mut *session, &mut *model, buffer, len, scratch, short), SLA_SCRATCH);
        let odd = buffer.cast::<u8>().add(2).cast();
        assert_eq!(sla_session_open(&mut *session, &mut *model, odd, len - 1, scratch, len), SLA_MISALIGNED);
        assert_eq!(sla_session_open(&mut *session, &mut *model, buffer, len, scratch, len), SLA_OK);
        assert_eq!(sla_step(&mut *session, u32::MAX), SLA_TOKEN);
        assert_eq!(sla_step_features(&mut *session, [0].as_ptr(), 1), SLA_INPUT);
        assert_eq!(sla_prefill(&mut *session, null(), 0), SLA_INPUT);
        assert_eq!(sla_prefill(&mut *session, null(), 1), SLA_NULL);
        let (mut one, mut best) = (7i32, 7u32);
        assert_eq!(sla_logits(&mut *session, &mut one, 1), SLA_NO_STEP);
        assert_eq!(sla_argmax(&mut *session, &mut best), SLA_NO_STEP);
        assert_eq!((one, best), (7, 7));
        let (mut text, mut length) = (null(), 0);
        assert_eq!(sla_label(&mut *model, 0, &mut text, &mut length), SLA_NO_LABEL);
        assert_eq!(sla_sampler_open(&mut *sampler, sla_sampler_defaults()), SLA_OK);
        assert_eq!(sla_sample(&mut *sampler, &mut *session, &mut token), SLA_NO_STEP);
        assert_eq!(sla_step_begin(&mut *session, 0), SLA_OK);
        assert_eq!(sla_logits(&mut *session, null_mut(), 1), SLA_NULL);
        assert_eq!(sla_sample(&mut *sampler, &mut *session, null_mut()), SLA_NULL);
        assert_eq!(sla_sample(&mut *sampler, &mut *session, &mut token), SLA_OK);
        assert_eq!(sla_step(&mut *session, token), SLA_OK);
        assert_eq!(sla_logits(&mut *session, &mut one, 1), SLA_OK);
        assert_ne!(one, 7);
        assert_eq!(sla_reset(&mut *session), SLA_OK);
        assert_eq!(sla_argmax(&mut *session, &mut best), SLA_NO_STEP);
    }
}

/// What a decoder gave.
extern "C" fn collect(context: *mut std::ffi::c_void, text: *const std::ffi::c_char, bytes: usize) {
    // SAFETY: the tests pass a `Vec<u8>`, and the library as many bytes as it says.
    unsafe { (*context.cast::<Vec<u8>>()).extend_from_slice(std::slice::from_raw_parts(text.cast(), bytes)) }
}

#[test]
fn text_is_encoded_and_decoded_and_sessions_saved_and_restored() {
    use sla_status::*;
    let all = files();
    let (_, file) = all.iter().find(|(name, _)| *name == "gla, tokenizer").expect("a file with a tokenizer");
    let (_, other) = all.iter().find(|(name, _)| *name == "retnet, tokenizer").expect("another");
    let (mut model, mut without, mut decoder) = (zeroed::<sla_model>(), zeroed::<sla_model>(), zeroed::<sla_decoder>());
    let (mut session, mut fork, mut foreign) =
        (zeroed::<sla_session>(), zeroed::<sla_session>(), zeroed::<sla_session>());
    let mut foreign_model = zeroed::<sla_model>();
    let text = "Hello world, \u{4e16}\u{1f980}!";
    let mut ids = vec![0u32; sla_encode_words(text.len())];
    let mut words = vec![0u32; 1 << 18];
    let mut buffers = words.chunks_mut(1 << 15).map(<[u32]>::as_mut_ptr);
    let mut buffer = || buffers.next().expect("enough of them");
    const LEN: usize = 1 << 15;
    let [text_is_text, parse] =
        [sla_control_tokens::SLA_CONTROL_AS_TEXT, sla_control_tokens::SLA_CONTROL_PARSE].map(|choice| choice as u32);
    let (mut count, mut bytes, mut seen) = (0, 0, Vec::<u8>::new());
    let context = (&raw mut seen).cast();
    let from = text.as_ptr().cast();
    // SAFETY: every pointer is null or points to what it is announced to point to.
    unsafe {
        let (plain, bytes_of) = (all[0].1.bytes(), |file: &Aligned16| (file.bytes().as_ptr(), file.bytes().len()));
        assert_eq!(sla_model_open(&mut *without, plain.as_ptr(), plain.len()), SLA_OK);
        let (at, len) = bytes_of(file);
        assert_eq!(sla_model_open(&mut *model, at, len), SLA_OK);
        let (at, len) = bytes_of(other);
        assert_eq!(sla_model_open(&mut *foreign_model, at, len), SLA_OK);

        let room = ids.len();
        let into = ids.as_mut_ptr();
        assert_eq!(
            sla_encode(&mut *without, from, text.len(), true, text_is_text, into, room, &mut count),
            SLA_NO_TOKENIZER
        );
        assert_eq!(sla_encode(&mut *model, from, text.len(), true, text_is_text, into, 3, &mut count), SLA_ROOM);
        assert_eq!(sla_encode(&mut *model, from, text.len() - 2, true, text_is_text, into, room, &mut count), SLA_UTF8);
        assert_eq!(sla_encode(&mut *model, from, text.len(), true, text_is_text, into, room, &mut count), SLA_OK);
        assert!(count > 5 && count < text.len(), "{count} tokens");
        // A control token that is written out is text, unless it is asked for; other numbers are no wish for it.
        let (control, mut lengths) = ("<|endoftext|>", Vec::new());
        for choice in [parse, text_is_text, 2, u32::MAX] {
            let mut length = 0;
            let (from, len) = (control.as_ptr().cast(), control.len());
            assert_eq!(sla_encode(&mut *model, from, len, false, choice, into, room, &mut length), SLA_OK);
            lengths.push(length);
        }
        assert!(
            lengths[0] == 1 && lengths[1] > 1 && lengths[1..].iter().all(|&length| length == lengths[1]),
            "{lengths:?}"
        );
        assert_eq!(sla_encode(&mut *model, from, text.len(), true, text_is_text, into, room, &mut count), SLA_OK);
        assert_eq!(sla_decoder_open(&mut *decoder, &mut *without, true), SLA_NO_TOKENIZER);
        assert_eq!(sla_decode(&mut *decoder, 0, Some(collect), context), SLA_NOT_OPEN);
        assert_eq!(sla_decoder_open(&mut *decoder, &mut *model, true), SLA_OK);
        assert_eq!(sla_decode(&mut *decoder, 0, None, context), SLA_NULL);
        for &id in &ids[..count] {
            assert_eq!(sla_decode(&mut *decoder, id, Some(collect), context), SLA_OK);
        }
        assert_eq!(sla_decode_end(&mut *decoder, Some(collect), context), SLA_OK);
        assert_eq!(String::from_utf8(seen), Ok(text.to_string()));

        for (session, model) in [
            (&raw mut *session, &raw mut *model),
            (&raw mut *fork, &raw mut *model),
            (&raw mut *foreign, &raw mut *foreign_model),
        ] {
            assert_eq!(sla_session_open(session, model, buffer(), LEN, buffer(), LEN), SLA_OK);
        }
        assert_eq!(sla_prefill(&mut *session, ids.as_ptr(), count), SLA_OK);
        assert_eq!(sla_snapshot_bytes(&mut *session, &mut bytes), SLA_OK);
        let mut snapshot = vec![0u8; bytes];
        assert_eq!(sla_save(&mut *session, snapshot.as_mut_ptr(), bytes - 1), SLA_ROOM);
        assert_eq!(sla_save(&mut *session, snapshot.as_mut_ptr(), bytes), SLA_OK);
        assert_eq!(sla_restore(&mut *foreign, snapshot.as_ptr(), bytes), SLA_SNAPSHOT_MODEL);
        assert_eq!(sla_restore(&mut *fork, snapshot.as_ptr(), bytes - 1), SLA_NOT_A_SNAPSHOT);
        snapshot[bytes / 2] ^= 1;
        assert_eq!(sla_restore(&mut *fork, snapshot.as_ptr(), bytes), SLA_SNAPSHOT_DAMAGED);
        snapshot[bytes / 2] ^= 1;
        assert_eq!(sla_restore(&mut *fork, snapshot.as_ptr(), bytes), SLA_OK);
        let (mut a, mut b) = (vec![0i32; 512], vec![1i32; 512]);
        for token in 0..3 {
            assert_eq!(sla_logits(&mut *session, a.as_mut_ptr(), a.len()), SLA_OK);
            assert_eq!(sla_logits(&mut *fork, b.as_mut_ptr(), b.len()), SLA_OK);
            assert_eq!(a, b, "after {token} tokens");
            assert_eq!(sla_step(&mut *session, token), SLA_OK);
            assert_eq!(sla_step(&mut *fork, token), SLA_OK);
        }
    }
}

#[test]
fn every_status_has_a_text_of_its_own() {
    let text = |status: i32| {
        // SAFETY: a static string.
        unsafe { CStr::from_ptr(sla_status_text(status)) }.to_str().expect("ASCII")
    };
    let texts: Vec<&str> = (0..=sla_status::SLA_NO_STEP as i32).map(text).collect();
    let mut unique = texts.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), texts.len());
    assert_eq!(text(sla_status::SLA_CHECKSUM as i32), "the model is corrupted: its checksum does not match");
    assert_eq!((text(-1), text(10_000)), ("unknown status", "unknown status"));
}
