//! A parsed model: every offset that the token path follows has been checked once.

use core::fmt;

use crate::backbone::{STATE_INT16, missing_feature};
use crate::error::ParseError;
use crate::matrix::Matrix;
use sla_format::{
    Ends, GLOBAL_ROLES, HEADER_BYTES, Header, InputKind, LAYER_ROLES, MAGIC, MemoryPlan, ModelDesc,
    NONE, Role, SECTION_ALIGN, Section, SectionKind, States, TensorDesc, TensorKind, VERSION,
    crc32,
};
#[cfg(feature = "tokenizer")]
use sla_tokenizer::Tokenizer;

/// Bytes at a 16-byte boundary, as a model in flash has to be:
/// `Aligned(*include_bytes!("model.sla"))`.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// A `.sla` file, checked and ready to run in place.
#[derive(Clone, Copy)]
pub struct Model<'m> {
    desc: ModelDesc,
    states: States<'m>,
    plan: MemoryPlan,
    crc: u32,
    sections: Sections<'m>,
}

impl fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("desc", &self.desc)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl<'m> Model<'m> {
    /// Checks a file and returns the model in it, or the first thing that is wrong. `file` is the
    /// file and nothing else: of a region of flash that holds one it is the first
    /// [`sla_format::file_bytes`].
    ///
    /// Reads every byte once (the checksum). After it, no weight, no input and no sequence of calls
    /// can make a step panic or touch memory outside its buffers.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(file: &'m [u8]) -> Result<Model<'m>, ParseError> {
        let header = Header::read(file).ok_or(ParseError::Truncated {
            need: HEADER_BYTES,
            have: file.len(),
        })?;
        if header.magic != MAGIC {
            return Err(ParseError::NotSla);
        }
        if header.version != VERSION {
            return Err(ParseError::Version {
                found: header.version,
            });
        }
        let (need, have) = (header.file_bytes as usize, file.len());
        if need != have {
            return Err(if need > have {
                ParseError::Truncated { need, have }
            } else {
                ParseError::TooLong { need, have }
            });
        }
        if !(file.as_ptr() as usize).is_multiple_of(SECTION_ALIGN) {
            return Err(ParseError::Misaligned);
        }
        let computed = crc32(file);
        if computed != header.crc {
            return Err(ParseError::Checksum {
                stored: header.crc,
                computed,
            });
        }
        let mut sections = Sections([&[]; SectionKind::ALL.len() + 1]);
        sections.read(file, header.sections as usize)?;
        let desc = ModelDesc::read(sections.require(SectionKind::Model)?, 0)
            .filter(ModelDesc::is_consistent)
            .ok_or(ParseError::Description)?;
        if let Some(feature) = missing_feature(&desc) {
            return Err(ParseError::Feature { feature });
        }
        let states = States::read(sections.get(SectionKind::States), &desc)
            .map_err(|layer| ParseError::State { layer })?;
        let states = match states {
            states if STATE_INT16 => states,
            states if states == States::default() => States::default(),
            _ => {
                return Err(ParseError::Feature {
                    feature: "state-int16",
                });
            }
        };
        sections.require(SectionKind::Tensors)?;
        sections.require(SectionKind::Weights)?;
        if Ends::read(sections.get(SectionKind::Ends), &desc).is_none() {
            return Err(ParseError::Ends);
        }
        let model = Model {
            desc,
            states,
            plan: MemoryPlan::of(&desc, states),
            crc: header.crc,
            sections,
        };
        model.check_tensors()?;
        #[cfg(feature = "tokenizer")]
        model.check_tokenizer()?;
        Ok(model)
    }

    #[cfg(feature = "tokenizer")]
    fn check_tokenizer(&self) -> Result<(), ParseError> {
        let inputs = if self.desc.input == InputKind::Tokens {
            self.desc.inputs
        } else {
            0
        };
        match self.tokenizer_section() {
            [] => Ok(()),
            section => Tokenizer::read(section)
                .and_then(|tokenizer| tokenizer.check_vocabulary(inputs))
                .map_err(ParseError::Tokenizer),
        }
    }

    fn check_tensors(&self) -> Result<(), ParseError> {
        let layers = self.desc.layers as usize;
        if self.tensors().len() != (layers * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES {
            return Err(ParseError::Missing {
                kind: SectionKind::Tensors as u32,
            });
        }
        for &role in &Role::ALL {
            let global = role as usize >= LAYER_ROLES;
            for layer in if global {
                layers..layers + 1
            } else {
                0..layers
            } {
                let at = role.index(layer, layers) * TensorDesc::BYTES;
                let entry =
                    TensorDesc::read(self.tensors(), at).filter(|t| self.tensor_fits(role, t));
                let Some(entry) = entry else {
                    return Err(ParseError::Tensor { layer, role });
                };
                if entry.kind == TensorKind::I4 && !cfg!(feature = "int4") {
                    return Err(ParseError::Feature { feature: "int4" });
                }
            }
        }
        Ok(())
    }

    fn tensor_fits(&self, role: Role, t: &TensorDesc) -> bool {
        // First: sizes of what does not fit may be more than a target can count.
        if !role.expected(&self.desc).fits(t) {
            return false;
        }
        let inside = |offset: u32, bytes: Option<usize>| {
            (offset as usize).is_multiple_of(SECTION_ALIGN)
                && bytes
                    .and_then(|bytes| (offset as usize).checked_add(bytes))
                    .is_some_and(|end| end <= self.sections.get(SectionKind::Weights).len())
        };
        let channels = Some(4 * t.channels(role));
        inside(t.data, t.data_bytes())
            && inside(t.multiplier, channels)
            && (t.bias == NONE || inside(t.bias, channels))
            && (-1_000..=1_000).contains(&t.out_frac)
    }

    /// The description.
    #[must_use]
    pub fn desc(&self) -> &ModelDesc {
        &self.desc
    }

    /// How each layer's state is represented.
    #[must_use]
    pub fn states(&self) -> States<'m> {
        if STATE_INT16 {
            self.states
        } else {
            States::default()
        }
    }

    /// Tokens that end a text, the description's `eos` first.
    pub fn ends_of_text(&self) -> impl Iterator<Item = u32> + 'm {
        let ends = Ends::read(self.sections.get(SectionKind::Ends), &self.desc);
        ends.unwrap_or_default().ids(&self.desc)
    }

    /// Whether a text ends with `token`.
    #[must_use]
    pub fn is_end_of_text(&self, token: u32) -> bool {
        self.ends_of_text().any(|end| end == token)
    }

    /// Exact sizes of state and scratch.
    #[must_use]
    pub fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// The file's checksum, which serves as the model's identity.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.crc
    }

    /// The tokenizer section; empty without one.
    #[must_use]
    pub fn tokenizer_section(&self) -> &'m [u8] {
        self.sections.get(SectionKind::Tokenizer)
    }

    /// The tokenizer; `None` for models that read bytes, ids or feature vectors. Checks the section
    /// again, so keep it.
    #[cfg(feature = "tokenizer")]
    #[must_use]
    pub fn tokenizer(&self) -> Option<Tokenizer<'m>> {
        Tokenizer::read(self.tokenizer_section()).ok()
    }

    /// Provenance: UTF-8 lines `key=value`.
    #[must_use]
    pub fn provenance(&self) -> &'m str {
        core::str::from_utf8(self.sections.get(SectionKind::Provenance)).unwrap_or("")
    }

    /// The self-test section.
    #[must_use]
    pub fn self_test_section(&self) -> &'m [u8] {
        self.sections.get(SectionKind::SelfTest)
    }

    /// The name of label `index` of a classifier: a line of the section.
    #[must_use]
    pub fn label(&self, index: u32) -> Option<&'m str> {
        let mut rest = self.sections.get(SectionKind::Labels);
        for _ in 0..index {
            rest = line(rest)?.1;
        }
        core::str::from_utf8(line(rest)?.0).ok()
    }

    /// Multiplications of matrix weights in a token, the head included: no embedding, convolution
    /// or state.
    #[must_use]
    pub fn macs(&self) -> u64 {
        let of = |layer, role| {
            let t = self.tensor(layer, role);
            if t.kind.is_matrix() {
                u64::from(t.rows) * u64::from(t.cols)
            } else {
                0
            }
        };
        let layers = 0..self.desc.layers as usize;
        let all: u64 = layers
            .flat_map(|layer| {
                Role::ALL[..LAYER_ROLES]
                    .iter()
                    .map(move |&role| of(layer, role))
            })
            .sum();
        let input = if self.desc.input == InputKind::Features {
            of(0, Role::Input)
        } else {
            0
        };
        all + of(0, Role::Head) + input
    }

    /// The table's entry for a role of a layer (global roles ignore `layer`).
    #[must_use]
    pub fn tensor(&self, layer: usize, role: Role) -> TensorDesc {
        let at = role.index(layer, self.desc.layers as usize) * TensorDesc::BYTES;
        TensorDesc::read(self.tensors(), at).unwrap_or(TensorDesc::ABSENT)
    }

    /// The matrix of a role.
    #[must_use]
    pub fn matrix(&self, layer: usize, role: Role) -> Matrix<'m> {
        let t = self.tensor(layer, role);
        let channels = t.channels(role);
        let bias = if t.bias == NONE {
            &[]
        } else {
            self.slice(t.bias, channels)
        };
        let bytes = self.slice(t.data, t.data_bytes().unwrap_or(0));
        Matrix::new(t, bytes, self.slice(t.multiplier, channels), bias)
    }

    /// All elements of a role's tensor, which the format stores as `T`.
    #[must_use]
    pub fn elements<T: bytemuck::Pod>(&self, layer: usize, role: Role) -> &'m [T] {
        let t = self.tensor(layer, role);
        let size = size_of::<T>().max(1);
        self.slice(t.data, t.data_bytes().unwrap_or(0) / size)
    }

    /// Multipliers and biases (empty without) of a convolution's channels.
    #[must_use]
    pub fn channel_constants(&self, layer: usize, role: Role) -> (&'m [i32], &'m [i32]) {
        let t = self.tensor(layer, role);
        let channels = t.channels(role);
        (
            self.slice(t.multiplier, channels),
            if t.bias == NONE {
                &[]
            } else {
                self.slice(t.bias, channels)
            },
        )
    }

    fn tensors(&self) -> &'m [u8] {
        self.sections.get(SectionKind::Tensors)
    }

    fn slice<T: bytemuck::Pod>(&self, offset: u32, len: usize) -> &'m [T] {
        let from = offset as usize;
        let to = from.saturating_add(len.saturating_mul(size_of::<T>()));
        let bytes = self
            .sections
            .get(SectionKind::Weights)
            .get(from..to)
            .unwrap_or(&[]);
        bytemuck::try_cast_slice(bytes).unwrap_or(&[])
    }
}

/// The first line of a text, and what follows its end; `None` of nothing. Unlike `str::lines` this
/// cannot panic.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end)?;
    (!text.is_empty()).then_some((line, rest.get(1..).unwrap_or_default()))
}

/// The section table, resolved.
#[derive(Clone, Copy)]
struct Sections<'m>([&'m [u8]; SectionKind::ALL.len() + 1]);

impl<'m> Sections<'m> {
    /// Fills the empty table in place: the model is large, and each copy of it is code.
    fn read(&mut self, file: &'m [u8], count: usize) -> Result<(), ParseError> {
        for index in 0..count {
            let invalid = ParseError::Section { index };
            let entry = Section::read(file, index).ok_or(invalid)?;
            let kind = SectionKind::from_u32(entry.kind).ok_or(invalid)?;
            let from = entry.offset as usize;
            if !from.is_multiple_of(SECTION_ALIGN) {
                return Err(invalid);
            }
            let to = from.checked_add(entry.bytes as usize).ok_or(invalid)?;
            let bytes = file.get(from..to).ok_or(invalid)?;
            let slot = self.0.get_mut(kind as usize).ok_or(invalid)?;
            if !slot.is_empty() || bytes.is_empty() {
                return Err(invalid);
            }
            *slot = bytes;
        }
        Ok(())
    }

    fn get(&self, kind: SectionKind) -> &'m [u8] {
        self.0.get(kind as usize).copied().unwrap_or(&[])
    }

    fn require(&self, kind: SectionKind) -> Result<&'m [u8], ParseError> {
        match self.get(kind) {
            [] => Err(ParseError::Missing { kind: kind as u32 }),
            bytes => Ok(bytes),
        }
    }
}
