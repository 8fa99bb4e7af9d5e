//! What notices a damaged page of model flash (docs/realtime.md): opening the model notices every
//! change, by its checksum; the self-test alone, as where the page decays after the model was
//! opened, notices what the logits of its input depend on.

use std::path::Path;

use sla_eval::owned_model::OwnedModel;
use sla_format::{NONE, Role, SECTION_ALIGN, Section, SectionKind, TensorDesc, seal};
use sla_runtime::{Model, ParseError, SelfTestError};
use sla_test_models::Rng;
use sla_tests::{Case, parallel};

/// A small flash's page.
const PAGE: usize = 256;

/// What can become of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    /// One bit, anywhere in it.
    Bit,
    Zeros,
    Erased,
    /// Its contents and those of the next page changed places.
    Swapped,
}

const DAMAGES: [Damage; 4] = [Damage::Bit, Damage::Zeros, Damage::Erased, Damage::Swapped];

impl Damage {
    fn apply(self, file: &mut [u8], page: usize) {
        let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(file.len()));
        match self {
            Self::Bit => {
                let mut rng = Rng::new(page as u64);
                file[from + rng.below(to - from)] ^= 1 << rng.below(8);
            }
            Self::Zeros => file[from..to].fill(0),
            Self::Erased => file[from..to].fill(0xff),
            Self::Swapped => {
                let len = PAGE.min(file.len().saturating_sub(to));
                let (one, other) = file.split_at_mut(to);
                one[from..from + len].swap_with_slice(&mut other[..len]);
            }
        }
    }
}

/// Who noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noticed {
    Structure,
    SelfTest,
    Nobody,
}

/// Bytes at an address that a model can have.
fn at_an_aligned_address<T>(file: &[u8], f: impl FnOnce(&[u8]) -> T) -> T {
    let mut buffer = vec![0u8; file.len() + SECTION_ALIGN];
    let start = buffer.as_ptr().align_offset(SECTION_ALIGN);
    buffer[start..start + file.len()].copy_from_slice(file);
    f(&buffer[start..start + file.len()])
}

/// What notices the damage where the checksum was looked at before it came.
fn noticed(file: &[u8]) -> Noticed {
    at_an_aligned_address(file, |file| {
        let Ok(model) = Model::parse(file) else {
            return Noticed::Structure;
        };
        let plan = model.plan();
        if plan.state_words + plan.scratch_words > 1 << 22 {
            return Noticed::Structure; // more memory than any buffer of this model
        }
        let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
        match model.self_test(&mut state, &mut scratch) {
            Ok(()) => Noticed::Nobody,
            Err(SelfTestError::Digest { expected, computed }) if expected == computed => {
                unreachable!()
            }
            Err(_) => Noticed::SelfTest,
        }
    })
}

/// Whether a page holds nothing but weights, multipliers or biases of matrices that every token
/// reads.
fn is_read_by_every_token(file: &OwnedModel) -> impl Fn(usize) -> bool {
    let model = file.model();
    let sections =
        0..u32::from_le_bytes(file.bytes()[16..20].try_into().expect("four bytes")) as usize;
    let weights = sections
        .filter_map(|i| Section::read(file.bytes(), i))
        .find(|s| s.kind == SectionKind::Weights as u32);
    let base = weights.expect("a required section").offset as usize;
    let layers = model.desc().layers as usize;
    let mut read = vec![false; file.bytes().len()];
    let mut mark = |t: TensorDesc, role: Role| {
        if t.kind.is_matrix() {
            let data = base + t.data as usize;
            read[data..data + t.data_bytes().expect("a matrix of the file")].fill(true);
            for constants in [t.multiplier, t.bias].into_iter().filter(|&at| at != NONE) {
                read[base + constants as usize..][..4 * t.channels(role)].fill(true);
            }
        }
    };
    for &role in Role::ALL.iter().filter(|&&role| role != Role::Input) {
        (0..layers).for_each(|layer| mark(model.tensor(layer, role), role));
    }
    move |page| {
        read[page * PAGE..((page + 1) * PAGE).min(read.len())]
            .iter()
            .all(|&byte| byte)
    }
}

#[test]
fn a_damaged_page_is_noticed() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["recall-sla-gla", "digits-sla-gla"] {
        let file = Case::load(&models.join(name)).file;
        let pages = file.bytes().len().div_ceil(PAGE);
        let is_read = is_read_by_every_token(&file);
        let outcomes = parallel(pages, |page| {
            DAMAGES.map(|damage| {
                let mut damaged = file.bytes().to_vec();
                damage.apply(&mut damaged, page);
                if damaged == file.bytes() {
                    return None;
                }
                let error = at_an_aligned_address(&damaged, |file| Model::parse(file).err());
                assert!(
                    error.is_some(),
                    "{name}: {damage:?} of page {page} is not noticed at boot"
                );
                if page > 0 {
                    assert!(
                        matches!(error, Some(ParseError::Checksum { .. })),
                        "{name}: page {page}: {error:?}"
                    );
                }
                seal(&mut damaged);
                Some(noticed(&damaged))
            })
        });
        for (i, damage) in DAMAGES.into_iter().enumerate() {
            let count = |who: Noticed, read: bool| {
                outcomes
                    .iter()
                    .enumerate()
                    .filter(|(page, o)| o[i] == Some(who) && is_read(*page) == read)
                    .count()
            };
            let [structure, test, nobody] =
                [Noticed::Structure, Noticed::SelfTest, Noticed::Nobody]
                    .map(|who| count(who, true));
            let all = structure + test + nobody;
            eprintln!(
                "{name}, {damage:?}: of {all} pages that every token reads the self-test notices {test}; of the others {} are noticed \
                 by structure, {} by the self-test, {} by the checksum alone",
                count(Noticed::Structure, false),
                count(Noticed::SelfTest, false),
                count(Noticed::Nobody, false)
            );
            assert!(all > pages / 2, "{name}: {all} of {pages} pages");
            match damage {
                // The least bits of a multiplier, or a weight whose inputs the test leaves near
                // zero, may change no logit: docs/realtime.md says how many.
                Damage::Bit => assert!(
                    nobody * 20 <= all * 3,
                    "{name}: {nobody} of {all} flipped bits"
                ),
                _ => assert_eq!(nobody, 0, "{name}: {damage:?}"),
            }
        }
    }
}
