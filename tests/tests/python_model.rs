//! `docs/model` is the documents as a Python program, written without the Rust code; it has to give
//! the runtime's logits bit for bit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use sla_convert::ConvertOptions;
use sla_format::StateKind;
use sla_reference::{
    Backbone, Config, FeatureMap, Input, InputWeights, KeyGate, OutputGate, QueryGate, Sla, Weights,
};
use sla_runtime::{Checksum, TestStream};
use sla_test_models::{self as synth, Rng, TempDir};
use sla_tests::needs::{Missing, Tried};
use sla_tests::{Case, STATES, checkpoint, matrices, name, parallel};

sla_tests::tests![
    trained_models_give_the_digests_of_the_python_model,
    random_models_give_the_digests_of_the_python_model,
    mixed_states_give_the_digests_of_the_python_model,
    extreme_models_give_the_digests_of_the_python_model,
];

const STEPS: usize = 64;
const TRAINED: [&str; 4] = [
    "recall-sla-gla",
    "recall-sla-gdn",
    "recall-sla-retnet",
    "digits-sla-gla",
];

fn trained_models_give_the_digests_of_the_python_model() -> Tried {
    let python = python()?;
    parallel(2 * TRAINED.len(), |i| {
        let dir = workspace().join("models").join(TRAINED[i / 2]);
        compare(&python, &name(&dir), &Case::load_state(&dir, STATES[i % 2]));
    });
    Ok(())
}

fn random_models_give_the_digests_of_the_python_model() -> Tried {
    let python = python()?;
    let seeds = covering_seeds();
    parallel(4 * seeds.len(), |i| {
        let (seed, wild, state) = (seeds[i / 4], i / 2 % 2 == 1, STATES[i % 2]);
        let (config, _) = synth::case(seed);
        let weights = weights(&config, seed, wild);
        let case = Case::of_state(config.clone(), weights, state);
        compare(
            &python,
            &format!("case {seed}, wild: {wild}, {state:?}, {config:?}"),
            &case,
        );
    });
    Ok(())
}

/// Every layer has a choice of its own, written in the file.
fn mixed_states_give_the_digests_of_the_python_model() -> Tried {
    let python = python()?;
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        let config = Config {
            layers: 3,
            d_k: 6,
            sla: Some(gates(backbone)),
            ..synth::small(backbone)
        };
        let weights = synth::weights(&config, 5);
        let state = vec![StateKind::Int16, StateKind::Int32, StateKind::Int16];
        let options = ConvertOptions {
            state,
            ..ConvertOptions::default()
        };
        compare(
            &python,
            &format!("{backbone:?}"),
            &Case::new(&checkpoint(config, weights), &options),
        );
    }
    Ok(())
}

/// The section of tokens that end a text, and its absence.
#[test]
fn the_python_model_reads_the_ends_of_a_text() {
    let Some(python) = python() else { return };
    let config = synth::small(Backbone::Gla);
    for ends in [&[][..], &[4], &[4, 2, 29]] {
        let mut checkpoint = checkpoint(config.clone(), synth::weights(&config, 5));
        checkpoint.meta.eos_token_ids = ends.to_vec();
        let case = Case::new(&checkpoint, &ConvertOptions::default());
        compare(&python, &format!("{ends:?}"), &case);
        let dir = TempDir::new();
        std::fs::write(dir.path().join("model.sla"), case.file.bytes())
            .expect("a writable temporary directory");
        let script = "import sys; from sla_file import Model; print(Model(open(sys.argv[1], 'rb').read()).ends)";
        let mut command = Command::new(&python);
        command
            .args(["-B", "-c", script])
            .arg(dir.path().join("model.sla"))
            .env("PYTHONPATH", workspace().join("docs/model"));
        let read = command.output().expect("python3 runs");
        let none = [sla_format::NONE];
        let expected = if ends.is_empty() { &none[..] } else { ends };
        assert_eq!(
            String::from_utf8_lossy(&read.stdout).trim(),
            format!("{expected:?}")
        );
    }
}

/// What random weights do not reach.
fn extreme_models_give_the_digests_of_the_python_model() -> Tried {
    let python = python()?;
    let backbones = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];
    parallel(2 * backbones.len() * EXTREMES.len(), |i| {
        let (state, i) = (STATES[i % 2], i / 2);
        let (backbone, (name, change)) = (
            backbones[i % backbones.len()],
            EXTREMES[i / backbones.len()],
        );
        let mut config = Config {
            sla: Some(gates(backbone)),
            ..synth::small(backbone)
        };
        let mut weights = synth::weights(&config, 3);
        change(&mut config, &mut weights);
        compare(
            &python,
            &format!("{backbone:?}, {name}, {state:?}"),
            &Case::of_state(config, weights, state),
        );
    });
    Ok(())
}

type Change = fn(&mut Config, &mut Weights);

const EXTREMES: [(&str, Change); 8] = [
    ("head gates of one head", |c, _| {
        c.sla.as_mut().expect("gates").temperature = 0.01
    }),
    ("no keys", |_, w| {
        w.layers.iter_mut().for_each(|l| l.k.data.fill(0.0))
    }),
    ("no values", |_, w| {
        w.layers.iter_mut().for_each(|l| l.v.data.fill(0.0))
    }),
    ("no queries", |_, w| {
        w.layers.iter_mut().for_each(|l| l.q.data.fill(0.0))
    }),
    ("one embedding", |_, w| {
        if let InputWeights::Embedding(m) = &mut w.input {
            let cols = m.cols;
            m.data[cols..].fill(0.0);
        }
    }),
    ("forgets all and nothing", |_, w| {
        for bias in w
            .layers
            .iter_mut()
            .flat_map(|l| [l.gk1_bias.as_mut(), l.dt_bias.as_mut()])
            .flatten()
        {
            bias.iter_mut()
                .enumerate()
                .for_each(|(i, b)| *b = if i % 2 == 0 { -100.0 } else { 100.0 });
        }
    }),
    ("forgets at once", |_, w| {
        w.layers
            .iter_mut()
            .filter_map(|l| l.a_log.as_mut())
            .for_each(|a| a.fill(12.0));
        w.layers
            .iter_mut()
            .filter_map(|l| l.gk1_bias.as_mut())
            .for_each(|b| b.fill(-3.0));
    }),
    ("large weights", |_, w| {
        matrices(w, |m| m.data.iter_mut().for_each(|x| *x *= 10.0))
    }),
];

fn gates(backbone: Backbone) -> Sla {
    Sla {
        query_gate: QueryGate::Query,
        key_gate: if backbone == Backbone::GatedDeltaNet {
            KeyGate::Beta
        } else {
            KeyGate::Key
        },
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    }
}

/// Seeds of [`synth::case`] of which each has an option of its backbone that those before it lack.
fn covering_seeds() -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let seeds: Vec<u64> = (0..500)
        .filter(|&seed| {
            let config = synth::case(seed).0;
            let before = seen.len();
            seen.extend(
                options(&config)
                    .into_iter()
                    .map(|option| (format!("{:?}", config.backbone), option)),
            );
            seen.len() > before
        })
        .collect();
    assert_eq!(
        seen.len(),
        COVERED,
        "`synth::case` draws other options than it did: {seen:?}"
    );
    assert!(seeds.len() >= 12);
    seeds
}

/// (backbone, option) pairs that [`covering_seeds`] finds: all that [`options`] can name and a
/// backbone can have.
const COVERED: usize = 67;

/// What a config has, by name.
fn options(c: &Config) -> Vec<String> {
    let sla = c.sla.as_ref();
    let (query, key) = (c.query_gate(), c.key_gate());
    let map = |m| c.feature_map == m;
    let flags = [
        ("no sla", sla.is_none()),
        ("gate on q", query == QueryGate::Query),
        ("gate on the output", query == QueryGate::Output),
        ("gate on k", key == KeyGate::Key),
        ("gate on beta", key == KeyGate::Beta),
        (
            "gate bias",
            sla.is_some_and(|s| s.bias && query != QueryGate::None && key != KeyGate::None),
        ),
        ("kv groups", c.kv_heads < c.heads),
        ("grouped values", c.value_heads > c.heads),
        (
            "grouped values with gates",
            c.value_heads > c.heads && query != QueryGate::None && key != KeyGate::None,
        ),
        ("tied", c.tied),
        ("features", matches!(c.input, Input::Features { .. })),
        ("no map", c.feature_map == FeatureMap::None),
        ("relu", map(FeatureMap::Relu)),
        ("silu", map(FeatureMap::Silu)),
        ("sigmoid", map(FeatureMap::Sigmoid)),
        (
            "map after a convolution",
            c.feature_map != FeatureMap::None && c.conv.is_some(),
        ),
        ("clamp_min", c.clamp_min.is_some()),
        ("neg_eigval", c.allow_neg_eigval),
        ("no output gate", c.output_gate == OutputGate::None),
        ("SiLU output gate", c.output_gate == OutputGate::Silu),
        ("sigmoid output gate", c.output_gate == OutputGate::Sigmoid),
        ("one head", c.heads == 1),
        ("d_v 1", c.d_v == 1),
        (
            "smallest d_k",
            c.d_k == if c.backbone == Backbone::RetNet { 2 } else { 1 },
        ),
        ("gate rank 1", c.gate_rank == 1),
    ];
    let conv = if c.backbone == Backbone::RetNet {
        Vec::new()
    } else {
        vec![format!("convolution {:?}", c.conv)]
    };
    flags
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name.into())
        .chain(conv)
        .collect()
}

/// Random weights; wild ones have every matrix at a scale of its own, from 1/8 to 8.
fn weights(config: &Config, seed: u64, wild: bool) -> Weights {
    let mut weights = synth::weights(config, seed);
    let mut rng = Rng::new(seed ^ 0x0771_1d00);
    if wild {
        matrices(&mut weights, |m| {
            let gain = (6.0 * rng.uniform() - 3.0).exp2() as f32;
            m.data.iter_mut().for_each(|x| *x *= gain);
        });
    }
    weights
}

/// Self-test (which Python checks itself) and test stream of a model.
fn compare(python: &Path, what: &str, case: &Case) {
    let dir = TempDir::new();
    let file = dir.path().join("model.sla");
    std::fs::write(&file, case.file.bytes()).expect("a writable temporary directory");
    let script = workspace().join("docs/model/sla_integer.py");
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(script)
        .arg(&file)
        .args(["--self-test", "--tokens", &STEPS.to_string()]);
    let out = command.output().expect("python3 runs");
    assert!(
        out.status.success(),
        "{what}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let printed = String::from_utf8_lossy(&out.stdout);
    let stream = format!("digest {:08x} steps {STEPS}", digest(case));
    assert_eq!(printed.lines().last(), Some(stream.as_str()), "{what}");
}

/// The runtime's digest of the test stream.
fn digest(case: &Case) -> u32 {
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    let mut frame = vec![0; TestStream::frame_len(model.desc())];
    let mut stream = TestStream::new(model.desc(), &mut frame);
    let mut digest = Checksum::default();
    for _ in 0..STEPS {
        stream.prepare(&session);
        let mut logits = stream
            .step(&mut session)
            .expect("an input of the model's kind");
        logits.digest(&mut digest);
        let best = logits.argmax();
        stream.choose(best);
    }
    digest.finish()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the workspace")
}

/// A python3 with NumPy: the system's, or one in `target/python-model`, made here.
fn python() -> Result<PathBuf, Missing> {
    static PYTHON: std::sync::OnceLock<Result<PathBuf, Missing>> = std::sync::OnceLock::new();
    PYTHON.get_or_init(find_python).clone()
}

fn find_python() -> Result<PathBuf, Missing> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python-model");
    let (system, own) = (PathBuf::from("python3"), venv.join("bin/python3"));
    if let Some(found) = [&system, &own]
        .into_iter()
        .find(|python| succeeds(python, &["-c", "import numpy"]))
    {
        return Ok(found.clone());
    }
    if !succeeds(&system, &["--version"]) {
        return Err(Missing("no python3".into()));
    }
    let requirements = workspace().join("docs/model/requirements.txt");
    let made = succeeds(&system, &["-m", "venv", &venv.to_string_lossy()])
        && succeeds(
            &own,
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "-r",
                &requirements.to_string_lossy(),
            ],
        );
    let missing = || {
        Missing(format!(
            "python3 has no NumPy, and it could not be installed into {}",
            venv.display()
        ))
    };
    made.then_some(own).ok_or_else(missing)
}

fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|out| out.status.success())
}
