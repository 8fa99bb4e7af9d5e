//! Sessions that share a model and a scratch buffer: each is right after its own step, whatever the
//! others did, and says so where what it needs is gone.

mod common;

use common::{C, Opened, file, files};
use sla::{sla_sampler, sla_self_test, sla_status, sla_step};
use sla_status::{SLA_DISPLACED, SLA_NO_STEP, SLA_NOT_OPEN, SLA_OK, SLA_TOKEN};

const STEPS: u32 = if cfg!(miri) { 2 } else { 4 };
const GONE: [Option<sla_status>; 4] = [Some(SLA_DISPLACED); 4];

/// Logits after each of `inputs`, by a session that has everything to itself.
fn alone(opened: &Opened, inputs: &[u32]) -> Vec<Vec<i32>> {
    let scratch = opened.scratch();
    let session = opened.session(&scratch);
    let mut step = |input: &u32| {
        assert_eq!(session.step(*input), SLA_OK);
        session.logits().expect("logits")
    };
    inputs.iter().map(&mut step).collect()
}

#[test]
fn sessions_by_turns_are_right_bit_for_bit() {
    for (name, file) in files() {
        let opened = Opened::new(file);
        let (ones, others): (Vec<u32>, Vec<u32>) = (
            (0..STEPS).collect(),
            (0..STEPS).map(|i| 3 * i + 1).collect(),
        );
        let expected = [alone(&opened, &ones), alone(&opened, &others)];
        let scratch = opened.scratch();
        let (a, b) = (opened.session(&scratch), opened.session(&scratch));
        for step in 0..STEPS as usize {
            assert_eq!(a.step(ones[step]), SLA_OK, "{name}");
            assert_eq!(
                a.logits().as_ref(),
                Ok(&expected[0][step]),
                "{name}, step {step}"
            );
            assert_eq!(b.begin(others[step]), SLA_OK, "{name}");
            while b.slice() != Ok(0) {}
            assert_eq!(
                b.logits().as_ref(),
                Ok(&expected[1][step]),
                "{name}, step {step}"
            );
            assert_eq!(a.results(), GONE, "{name}, step {step}");
            assert_eq!((a.slice(), a.position()), (Ok(0), Ok(step as u64 + 1)));
            assert_eq!(b.results(), [None; 4], "{name}: it asked only");
        }
        // From here on alone again.
        assert_eq!(a.step(9), SLA_OK);
        let inputs: Vec<u32> = ones.iter().copied().chain([9]).collect();
        assert_eq!(
            a.logits().as_ref(),
            Ok(alone(&opened, &inputs).last().expect("a step")),
            "{name}"
        );
    }
}

#[test]
fn a_step_of_which_nothing_has_run_is_told_and_taken_again() {
    let opened = Opened::new(file("gla-int16-state"));
    let expected = alone(&opened, &[5, 6]);
    let scratch = opened.scratch();
    let (a, b) = (opened.session(&scratch), opened.session(&scratch));
    for asked in [true, false] {
        assert_eq!((a.reset(), a.step(5)), (SLA_OK, SLA_OK));
        assert_eq!((a.begin(7), b.step(1)), (SLA_OK, SLA_OK));
        if asked {
            assert_eq!(
                (a.slice(), a.slice()),
                (Err(SLA_DISPLACED), Err(SLA_DISPLACED))
            );
            assert_eq!((a.results(), a.position()), (GONE, Ok(1)));
        } else {
            // The token would be lost without a word.
            assert_eq!(a.step(6), SLA_DISPLACED);
        }
        assert_eq!(a.step(6), SLA_OK);
        assert_eq!(
            (a.logits().as_ref(), a.position()),
            (Ok(&expected[1]), Ok(2))
        );
    }
}

#[test]
fn a_step_that_was_cut_short_waits_for_reset_or_restore() {
    let opened = Opened::new(file("gated-deltanet"));
    let expected = alone(&opened, &[5, 6]);
    let scratch = opened.scratch();
    let (a, b) = (opened.session(&scratch), opened.session(&scratch));
    assert_eq!(a.step(5), SLA_OK);
    let snapshot = a.save().expect("a snapshot");
    let cut = || {
        assert_eq!(a.begin(6), SLA_OK);
        assert!(a.slice().is_ok_and(|left| left > 0));
        assert_eq!(b.step(1), SLA_OK);
        for _ in 0..2 {
            assert_eq!((a.slice(), a.results()), (Err(SLA_DISPLACED), GONE));
            assert_eq!((a.step(6), a.begin(6)), (SLA_DISPLACED, SLA_DISPLACED));
        }
        assert_eq!(b.results(), [None; 4]);
    };
    cut();
    assert_eq!(a.restore(&snapshot), SLA_OK);
    assert_eq!(a.logits().as_ref(), Ok(&expected[0]));
    assert_eq!(a.step(6), SLA_OK);
    assert_eq!(a.logits().as_ref(), Ok(&expected[1]));
    cut();
    assert_eq!(a.reset(), SLA_OK);
    assert_eq!(b.results(), [None; 4], "a reset needs no scratch");
    assert_eq!((a.argmax(), a.save().err()), (Err(SLA_NO_STEP), None));
    assert_eq!((a.step(5), a.step(6)), (SLA_OK, SLA_OK));
    assert_eq!(a.logits().as_ref(), Ok(&expected[1]));
}

#[test]
fn only_what_uses_scratch_displaces() {
    let opened = Opened::new(file("retnet"));
    let scratch = opened.scratch();
    let (a, b) = (opened.session(&scratch), opened.session(&scratch));
    assert_eq!(b.step(1), SLA_OK);
    let snapshot = b.save().expect("a snapshot");
    assert_eq!(a.step(5), SLA_OK);
    let best = a.argmax();
    let keeps = || assert_eq!(a.argmax(), best);
    assert_eq!((b.argmax(), b.slice()), (Err(SLA_DISPLACED), Ok(0)));
    keeps();
    assert_eq!(
        (b.open(), b.argmax(), b.save().err()),
        (SLA_OK, Err(SLA_NO_STEP), None)
    );
    keeps();
    // SAFETY: an open session.
    assert_eq!(unsafe { sla_step(b.at(), u32::MAX) }, SLA_TOKEN);
    assert_ne!(b.restore(&snapshot[1..]), SLA_OK);
    keeps();
    assert_eq!(b.restore(&snapshot), SLA_OK);
    assert_eq!((a.results(), b.results()), (GONE, [None; 4]));
    let state = C::many(opened.plan.state_words);
    // SAFETY: planned buffers; nobody's results are needed any more.
    let tested = unsafe {
        sla_self_test(
            opened.model.at(),
            state.at(),
            state.len(),
            scratch.at(),
            scratch.len(),
        )
    };
    assert_eq!((tested, b.results()), (SLA_OK, GONE));
}

#[test]
fn what_its_owner_does_to_scratch_is_seen() {
    let opened = Opened::new(file("gla-tokenizer"));
    let scratch = opened.scratch();
    let a = opened.session(&scratch);
    let other = [0, u32::MAX, 0xdead_beef];
    for word in other {
        assert_eq!((a.step(5), a.results()), (SLA_OK, [None; 4]));
        scratch.fill(word);
        assert_eq!(a.results(), GONE, "{word:#x}");
    }
    // Its own, from another step.
    assert_eq!(a.step(6), SLA_OK);
    let before = scratch.get();
    assert_eq!(a.step(7), SLA_OK);
    let after = scratch.get();
    scratch.set(&before);
    assert_eq!(a.results(), GONE);
    scratch.set(&after);
    assert_eq!(a.results(), [None; 4]);
    // Opened again where it was, and where its stamp still is.
    assert_eq!((a.open(), a.argmax()), (SLA_OK, Err(SLA_NO_STEP)));
    let b = opened.session(&scratch);
    assert_eq!((a.step(5), b.step(5), a.results()), (SLA_OK, SLA_OK, GONE));
}

#[test]
fn models_of_other_sizes_share_scratch() {
    let all: Vec<Opened> = files()
        .into_iter()
        .map(|(_, file)| Opened::new(file))
        .collect();
    let scratch = C::many(
        all.iter()
            .map(|opened| opened.plan.prompt_scratch_words)
            .max()
            .expect("files"),
    );
    let sessions: Vec<_> = all.iter().map(|opened| opened.session(&scratch)).collect();
    let inputs: Vec<u32> = (0..STEPS).collect();
    let expected: Vec<_> = all.iter().map(|opened| alone(opened, &inputs)).collect();
    for input in inputs {
        for (session, expected) in sessions.iter().zip(&expected) {
            assert_eq!(session.step(input), SLA_OK);
            assert_eq!(session.logits().as_ref(), Ok(&expected[input as usize]));
        }
        assert!(
            sessions[..sessions.len() - 1]
                .iter()
                .all(|session| session.results() == GONE)
        );
    }
}

#[test]
fn a_session_of_a_model_that_was_replaced_is_not_open() {
    let (opened, other) = (Opened::new(file("retnet")), file("gated-deltanet"));
    let scratch = opened.scratch();
    let a = opened.session(&scratch);
    let open = |file: &[u8]| {
        // SAFETY: a file that outlives the test.
        unsafe { sla::sla_model_open(opened.model.at(), file.as_ptr(), file.len()) }
    };
    assert_eq!((a.step(1), open(other.bytes())), (SLA_OK, SLA_OK));
    assert_eq!(
        (a.step(1), a.argmax(), a.position()),
        (SLA_NOT_OPEN, Err(SLA_NOT_OPEN), Err(SLA_NOT_OPEN))
    );
    // The same again is as good as before.
    assert_eq!((open(opened.bytes()), a.argmax().err()), (SLA_OK, None));
}

#[test]
fn threads_share_a_model() {
    struct Shared<'a>(&'a Opened);
    // SAFETY: the model is only read.
    unsafe impl Sync for Shared<'_> {}
    let opened = Opened::new(file("gla-int16-state"));
    let expected = alone(&opened, &[1, 2, 3]);
    let shared = Shared(&opened);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (shared, expected) = (&shared, &expected);
            scope.spawn(move || assert_eq!(&alone({ shared }.0, &[1, 2, 3]), expected));
        }
    });
}

#[test]
fn the_sampler_is_not_asked_for_what_is_gone() {
    let opened = Opened::new(file("retnet"));
    let scratch = opened.scratch();
    let (a, b) = (opened.session(&scratch), opened.session(&scratch));
    let (sampler, token) = (C::<sla_sampler>::one(), C::<u32>::one());
    assert_eq!((a.step(1), b.step(1)), (SLA_OK, SLA_OK));
    // SAFETY: storage that outlives the calls.
    unsafe {
        assert_eq!(
            sla::sla_sampler_open(sampler.at(), sla::sla_sampler_defaults()),
            SLA_OK
        );
        assert_eq!(
            sla::sla_sample(sampler.at(), a.at(), token.at()),
            SLA_DISPLACED
        );
        assert_eq!(
            sla::sla_sample(sampler.at(), b.at(), std::ptr::null_mut()),
            sla_status::SLA_NULL
        );
        assert_eq!(sla::sla_sample(sampler.at(), b.at(), token.at()), SLA_OK);
    }
    // Neither refusal has drawn a number.
    assert_eq!(b.sample(), Ok(token.get()[0]));
}
