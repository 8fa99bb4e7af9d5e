//! Conversations over a fake serial line, held against the runtime alone.

use crate::line::{
    self, Call, Fake, Fault, In, SILENT, answers, bytes_model, continuation, dialogue, fresh, ids,
    pictured, serve, shown,
};
use crate::line::{snapshot_bytes, typed};
use sla_runtime::{Sampler, SamplerConfig};
use sla_serial::{Failure, RamStore, Settings, Store};
use sla_test_models::Rng;

const GREEDY: SamplerConfig = SamplerConfig {
    temperature: 0.0,
    top_k: 40,
    top_p: 0.95,
    repetition_penalty: 1.0,
    seed: 0,
};

#[test]
fn a_line_is_gone_on_from_as_the_runtime_does() {
    let case = bytes_model();
    let config = SamplerConfig {
        temperature: 0.7,
        top_k: 12,
        top_p: 0.9,
        repetition_penalty: 1.1,
        seed: 99,
    };
    let text = dialogue(
        &case,
        [typed(
            "/temperature 0.7\n/top-k 12\n/top-p 0.9\n/penalty 1.1\n/seed 99\n/length 50\nThe quick brown fox, é\n",
        )],
    );
    let answers = answers(&text);
    assert_eq!(answers.len(), 7);
    let settings =
        "temperature 0.7, top-k 12, top-p 0.9, penalty 1.1, seed 99, length 50, echo off";
    assert_eq!(answers[5], settings);
    assert_eq!(
        answers[6],
        shown(&fresh(&case, config, &ids("The quick brown fox, é"), 50))
    );
    // Without a text: a line break, as `sla run` begins.
    let text = dialogue(&case, [typed("/length 50\n\n")]);
    assert_eq!(
        line::answers(&text)[1],
        shown(&fresh(&case, SamplerConfig::default(), &[10], 50))
    );
}

#[test]
fn lines_and_empty_lines_go_on_with_one_stream() {
    let case = bytes_model();
    let text = dialogue(&case, [typed("/temperature 0\n/length 20\nab\n\ncd\n")]);
    let answers = answers(&text);
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let (mut session, mut sampler) = (memory.session(&model).unwrap(), Sampler::new(GREEDY));
    let mut all = continuation(&mut session, &mut sampler, &ids("ab"), 20);
    all.extend(continuation(&mut session, &mut sampler, &[], 20));
    assert_eq!([answers[2], answers[3]].concat(), shown(&all));
    // What the shell keeps of an unfinished character when the next line comes is shown as one that
    // never ends.
    let third = continuation(&mut session, &mut sampler, &ids("cd"), 20);
    assert!(
        answers[4].ends_with(&shown(&third)),
        "{:?} {:?}",
        answers[4],
        shown(&third)
    );
}

#[test]
fn a_change_of_the_sampler_splits_no_character() {
    let case = bytes_model();
    let is_split = |ids: &[u32]| {
        !shown(ids).ends_with(&shown(&ids[ids.len() - 1..]))
            || shown(&ids[ids.len() - 1..]).is_empty()
    };
    let mut splits = 0;
    for length in 1..40 {
        let script = format!("/temperature 0\n/length {length}\nab\n/seed 9\n\n");
        let text = dialogue(&case, [typed(script)]);
        let answers = answers(&text);
        let all = fresh(&case, GREEDY, &ids("ab"), 2 * length);
        assert_eq!([answers[2], answers[4]].concat(), shown(&all), "{length}");
        splits += usize::from(is_split(&all[..length]));
    }
    assert!(splits > 0, "no answer ends within a character");
}

#[test]
fn a_restored_session_goes_on_with_the_same_text() {
    let case = bytes_model();
    let script = "/length 30\n/seed 5\nab\n/save\n\nxyz\n/restore\n\n/reset\n\n/restore\n\n";
    let text = dialogue(&case, [typed(script)]);
    let all = answers(&text);
    let [
        ..,
        saved,
        first,
        other,
        restored,
        second,
        reset,
        fresh_text,
        _,
        third,
    ] = all[..]
    else {
        panic!("{all:?}")
    };
    let bytes = snapshot_bytes(&case.file.model());
    assert_eq!(saved, format!("saved {bytes} bytes after 32 tokens"));
    assert_eq!(
        restored,
        format!("restored {bytes} bytes: goes on after 32 tokens")
    );
    assert_eq!(reset, "reset");
    assert_eq!((first, first), (second, third));
    assert!(other != first && fresh_text != first);
    let config = SamplerConfig {
        seed: 5,
        ..SamplerConfig::default()
    };
    assert_eq!(fresh_text, shown(&fresh(&case, config, &[10], 30)));
}

/// The line feed of a CRLF belongs to its carriage return whenever it comes: at once, in the middle
/// of the answer, or at the next prompt.
#[test]
fn a_late_line_feed_is_no_line_and_no_noise() {
    let case = bytes_model();
    let begin = || typed("/temperature 0\n/length 5\n");
    let wanted = dialogue(&case, [begin(), typed("ab\n\n\n/length 0\n")]);
    assert!(!wanted.contains('\x07'));
    for looks in [0, 3, 100] {
        // Then a line feed alone, which is a line, and so is one after a whole CRLF.
        let script = [
            begin(),
            typed("ab\r"),
            In::During(looks, b"\n".to_vec()),
            typed("\n"),
            typed("\r\n"),
            typed("/length 0\r\n"),
        ];
        assert_eq!(dialogue(&case, script), wanted, "after {looks} looks");
    }
    // A line that comes while another is answered is dropped with its end.
    let script = [
        begin(),
        typed("ab\r"),
        In::During(1, b"\nx\r\n".to_vec()),
        typed("\n\n/length 0\n"),
    ];
    let text = dialogue(&case, script);
    assert_eq!(
        (text.matches('\x07').count(), text.replace('\x07', "")),
        (2, wanted)
    );
}

#[test]
fn an_interrupt_ends_an_answer_between_two_tokens() {
    let case = bytes_model();
    // One look after the prompt's chunk, and one after each token: the interrupt comes after the
    // seventh.
    let script = [
        typed("/temperature 0\n/length 20\nab\n"),
        In::During(7, b"xy\x03".to_vec()),
        typed("/length 13\n\n/ledger\n"),
    ];
    let text = dialogue(&case, script);
    let answers = answers(&text);
    let whole = fresh(&case, GREEDY, &ids("ab"), 20);
    // Two bells for what was dropped.
    assert_eq!(answers[2], format!("{}\x07\x07^C", shown(&whole[..7])));
    assert_eq!(
        [shown(&whole[..7]).as_str(), answers[4]].concat(),
        shown(&whole)
    );
    assert!(answers[5].contains("position: 22\r\n"), "{}", answers[5]);

    // In a long line: after a chunk of sixteen, before a token is made.
    let line = "0123456789abcdef0123456789abcdef";
    let script = [
        typed(format!("{line}\n")),
        In::During(0, vec![3]),
        typed("/ledger\n"),
    ];
    let text = dialogue(&case, script);
    let answers = line::answers(&text);
    assert_eq!(answers[0], "^C");
    assert!(answers[1].contains("position: 16\r\n"), "{}", answers[1]);
}

#[test]
fn wrong_lines_get_one_line_back_and_change_nothing() {
    let case = bytes_model();
    let long = "x".repeat(65);
    let wrong: [(&[u8], &str); 12] = [
        (
            b"/nothing",
            "error: no command /nothing; /help lists them, and a text that begins with / is typed with //",
        ),
        (
            b"/",
            "error: no command /; /help lists them, and a text that begins with / is typed with //",
        ),
        (b"/reset now", "error: /reset takes no value"),
        (
            b"/temperature warm",
            "error: /temperature takes a number, 0 or above, such as 0.8; 0 takes the most likely token every time",
        ),
        (
            b"/temperature",
            "error: /temperature takes a number, 0 or above, such as 0.8; 0 takes the most likely token every time",
        ),
        (
            b"/top-p 1.5",
            "error: /top-p takes a number above 0 and at most 1, such as 0.95",
        ),
        (b"/seed -1", "error: /seed takes a whole number below 2^64"),
        (b"/echo loud", "error: /echo takes on or off"),
        (b"/restore", "error: nothing is kept; /save keeps a session"),
        (
            b"a\xffb",
            "error: byte 1 of the line is not UTF-8; nothing of it was read",
        ),
        (
            b"\xe2\x82",
            "error: byte 0 of the line is not UTF-8; nothing of it was read",
        ),
        (
            long.as_bytes(),
            "\x07error: the line has more than 64 bytes; nothing of it was read",
        ),
    ];
    let before = "/seed 3\n/length 10\nab\n";
    let clean = dialogue(&case, [typed(format!("{before}\n"))]);
    for (line, says) in wrong {
        let text = dialogue(&case, [typed(before), typed(line), typed("\n\n")]);
        let answers = answers(&text);
        assert_eq!(answers[3], says, "{}", line.escape_ascii());
        assert_eq!(
            (answers[2], answers[4]),
            (line::answers(&clean)[2], line::answers(&clean)[3])
        );
    }
    // A line that came with errors, before and in the middle of it.
    for script in [[In::Lost, typed("xyz\n\n")], [typed("xy"), In::Lost]] {
        let rest = [typed("\n\n")];
        let rest = rest
            .into_iter()
            .skip(usize::from(matches!(script[0], In::Lost)));
        let text = dialogue(&case, [typed(before)].into_iter().chain(script).chain(rest));
        let answers = answers(&text);
        assert_eq!(
            answers[3],
            "error: the line came with errors; nothing of it was read, type it again"
        );
        assert_eq!(answers[4], line::answers(&clean)[3]);
    }
}

#[test]
fn what_is_typed_is_shown() {
    let case = bytes_model();
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let session = memory.session(&model).unwrap();
    let script = typed("/length 0\r\nab\x7f\té\x15\x1b[Axy\x03\x01z\r");
    let (session, fake, ..) = serve(
        session,
        Fake::new([script]),
        RamStore::new(&mut []),
        Settings::default(),
    );
    let settings = "temperature 0.8, top-k 40, top-p 0.95, penalty 1, seed 0, length 0, echo on";
    let wipe = "\x08 \x08";
    let echoed = format!("ab{wipe} é{wipe}{wipe}{wipe}xy^C\r\n> \x07z\r\n");
    let all = format!(
        "\r\nready; /help lists the commands\r\n> /length 0\r\n{settings}\r\n> {echoed}\r\n> "
    );
    assert_eq!(fake.text(), all);
    // `/length 0` reads and makes nothing.
    assert_eq!(session.position(), 1);
}

#[test]
fn the_ledger_says_what_is_used() {
    let case = bytes_model();
    let text = dialogue(
        &case,
        [typed("/ledger\n/length 9\nabcdefgh\n/save\n/ledger\n")],
    );
    let answers = answers(&text);
    let (model, plan) = (case.file.model(), case.file.model().plan());
    let memory = format!(
        "model {:08x}: 12345 bytes of flash\r\nstate: {} bytes; scratch: {} bytes\r\n",
        model.id(),
        plan.state_bytes(),
        plan.scratch_bytes()
    );
    let settings = "temperature 0.8, top-k 40, top-p 0.95, penalty 1, seed 0, length";
    assert_eq!(
        answers[0],
        format!(
            "{memory}kept session: 0 bytes\r\nposition: 0\r\ntokens read: 0\r\ntokens made: 0\r\n{settings} 256, echo off"
        )
    );
    // A reading is five ticks, a tick two units: a chunk of eight tokens costs one difference, a
    // token that is made two.
    let bytes = snapshot_bytes(&model);
    assert_eq!(
        answers[4],
        format!(
            "{memory}kept session: {bytes} bytes\r\nposition: 17\r\ntokens read: 8, 1 cycles each\r\n\
             tokens made: 9, 20 cycles each\r\n{settings} 9, echo off"
        )
    );
}

#[test]
fn short_writes_and_all_line_ends_give_the_same() {
    let case = bytes_model();
    let model = case.file.model();
    let run = |short: usize, script: &str| {
        let mut memory = case.file.memory();
        let fake = Fake {
            short,
            ..Fake::new([typed(script)])
        };
        serve(
            memory.session(&model).unwrap(),
            fake,
            RamStore::new(&mut []),
            SILENT,
        )
        .1
        .text()
    };
    let whole = run(0, "/length 20\n/help\nab\n\n");
    for short in 1..4 {
        assert_eq!(run(short, "/length 20\r/help\rab\r\r"), whole);
        assert_eq!(run(short, "/length 20\r\n/help\r\nab\r\n\r\n"), whole);
    }
}

/// Every call fails once, and twice in a row: the shell says so or goes on, and the session stays
/// whole.
#[test]
fn every_call_may_fail() {
    let case = bytes_model();
    let model = case.file.model();
    let script = || {
        [
            typed("/temperature 0\n/length 5\nab\n/save\n"),
            typed("\n"),
            In::During(2, b"?\x03".to_vec()),
            typed("/restore\n/ledger\nx\x7f\n"),
        ]
    };
    let run = |fail: Vec<usize>| {
        let mut memory = case.file.memory();
        let mut slot = vec![0; snapshot_bytes(&model)];
        let fake = Fake {
            fail,
            short: 7,
            ..Fake::new(script())
        };
        let session = memory.session(&model).unwrap();
        let (mut session, fake, store, failures) =
            serve(session, fake, RamStore::new(&mut slot), Settings::default());
        // The session is one that tokens could have left.
        let mut bytes = vec![0; snapshot_bytes(&model)];
        session.save(&mut bytes).unwrap();
        case.file
            .memory()
            .session(&model)
            .unwrap()
            .restore(&bytes)
            .expect("a whole session");
        // Another shell on what is left of the first.
        let kept = Store::bytes(&store);
        let after = Fake::new([typed(
            "/reset\n/temperature 0\n/length 12\nab\n/restore\n\n",
        )]);
        let (_, after, ..) = serve(session, after, store, SILENT);
        (fake, failures, kept, after.text())
    };
    let (clean, failures, kept, after) = run(Vec::new());
    assert_eq!((failures, kept), (Vec::new(), Some(snapshot_bytes(&model))));
    let wanted = shown(&fresh(&case, GREEDY, &ids("ab"), 12));
    assert_eq!(answers(&after)[3], wanted);
    assert_eq!(
        answers(&after)[4],
        format!(
            "restored {} bytes: goes on after 7 tokens",
            snapshot_bytes(&model)
        )
    );
    for n in 0..clean.calls.len() {
        for fail in [vec![n], vec![n, n + 1]] {
            let (fake, failures, kept, after) = run(fail.clone());
            let failed = |number: usize| (number < fake.calls.len()).then(|| fake.calls[number]);
            let wanted_failures: Vec<_> = fail
                .iter()
                .filter_map(|&number| Some((failed(number)?, number)))
                .filter(|(call, _)| matches!(call, Call::Write | Call::Flush))
                .map(|(call, number)| Failure::Write(Fault(call, number)))
                .collect();
            assert_eq!(failures, wanted_failures, "{fail:?}");
            if failed(n) == Some(Call::Read) && fail.len() == 1 {
                let text = fake.text();
                let says = text.contains("error: the line came with errors");
                // In the middle of an answer no line is lost.
                assert!(says || text.contains("^C"), "{n}: {text}");
            }
            // What follows is what it always is, and what is kept is whole or nothing.
            let all = answers(&after);
            assert_eq!(all[3], wanted, "{fail:?}");
            let restored = if kept.is_some() {
                "restored "
            } else {
                "error: nothing is kept"
            };
            assert!(all[4].starts_with(restored), "{fail:?}: {}", all[4]);
        }
    }
}

#[test]
fn a_line_that_stays_broken_is_given_up() {
    let case = bytes_model();
    let model = case.file.model();
    let mut memory = case.file.memory();
    let lost = || std::iter::repeat_n(In::Lost, 8);
    // Seven errors are a damaged line; eight in a row end the service, and the next one begins
    // anew.
    let script = lost()
        .skip(1)
        .chain([typed("a\n")])
        .chain(lost())
        .chain([typed("/length 0\n")]);
    let (_, fake, _, failures) = serve(
        memory.session(&model).unwrap(),
        Fake::new(script),
        RamStore::new(&mut []),
        SILENT,
    );
    assert_eq!(failures, [Failure::Read(Fault(Call::Read, usize::MAX))]);
    assert_eq!(fake.text().matches("ready").count(), 2);
    assert!(fake.text().contains("error: the line came with errors"));
    assert!(
        fake.text().ends_with("length 0, echo off\r\n> "),
        "{}",
        fake.text()
    );
}

#[test]
fn no_text_steers_the_terminal() {
    let case = bytes_model();
    let script = typed("/length 2000\n/temperature 9\n/top-k 0\n/top-p 1\nab\n");
    let text = dialogue(&case, [script]);
    let answer = answers(&text).into_iter().nth(4).expect("five answers");
    assert!(
        answer.contains('\u{241b}') && answer.contains('\u{fffd}'),
        "2,000 random bytes hold all kinds"
    );
    let bare = answer.replace("\r\n", "");
    assert!(bare.chars().all(|c| c == '\t' || !c.is_control()));
    assert_eq!(bare, pictured(&bare));
}

/// Random bytes, mostly of what means something: whatever they do, the session stays whole and the
/// shell answers.
#[test]
fn noise_does_no_harm() {
    let case = bytes_model();
    let model = case.file.model();
    let wanted = shown(&fresh(&case, GREEDY, &ids("ab"), 12));
    let mut rng = Rng::new(5);
    let words: [&[u8]; 14] = [
        b"/save",
        b"/restore",
        b"/reset",
        b"/ledger",
        b"/help",
        b"/seed ",
        b"/temperature ",
        b"/top-k ",
        b"/top-p ",
        b"/penalty ",
        b"/length 7",
        b"/echo o",
        b"\x1b[",
        b"\xf0\x9f\xa6",
    ];
    for round in 0..300 {
        let mut script = vec![typed("/length 3\n")];
        for _ in 0..rng.below(80) {
            script.push(match rng.below(10) {
                0 => In::Lost,
                1 => In::During(rng.below(4), vec![3]),
                2 | 3 => typed(rng.pick(&words)),
                4 | 5 => typed(rng.pick(&[&b"\r"[..], b"\n", b"\r\n", b"\x7f", b"\x15", b"\x03"])),
                6 => typed(rng.below(100_000).to_string()),
                _ => typed(
                    (0..rng.below(9))
                        .map(|_| rng.below(256) as u8)
                        .collect::<Vec<u8>>(),
                ),
            });
        }
        let mut memory = case.file.memory();
        let mut slot = vec![0; snapshot_bytes(&model)];
        let session = memory.session(&model).unwrap();
        let (mut session, _, store, failures) = serve(
            session,
            Fake::new(script),
            RamStore::new(&mut slot),
            Settings::default(),
        );
        assert!(
            failures
                .iter()
                .all(|failure| matches!(failure, Failure::Read(_))),
            "{round}: {failures:?}"
        );
        let mut bytes = vec![0; snapshot_bytes(&model)];
        session.save(&mut bytes).unwrap();
        case.file
            .memory()
            .session(&model)
            .unwrap()
            .restore(&bytes)
            .expect("a whole session");
        let after = Fake::new([typed("/reset\n/temperature 0\n/length 12\nab\n")]);
        let (_, after, ..) = serve(session, after, store, SILENT);
        assert_eq!(answers(&after.text())[3], wanted, "{round}");
    }
}
