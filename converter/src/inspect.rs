//! `sla inspect`

mod description;
mod entry;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use sla_checkpoint::tokenizer::describe;
use sla_convert::quantize::choose::saving;
use sla_eval::owned_model::OwnedModel;
use sla_format::{
    GROUP, LAYER_ROLES, MemoryPlan, NONE, Role, StateKind, TensorDesc, TensorKind, TokenizerTable,
    VERSION,
};
use sla_runtime::{Model, SelfTestError, Tokenizer};

use description::description;
use entry::{Entry, bits};

use super::failure::{Outcome, fail, read_model};
use super::output::{print, print_json};
use super::table::{Table, grouped, percent};

/// Options of `sla inspect`.
#[derive(Args)]
pub(super) struct Options {
    /// File to look into
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// Print JSON, and nothing else, on stdout
    #[arg(long)]
    json: bool,
}

/// Looks and prints; fails when the self-test gives other logits than the converter's.
pub(super) fn command(options: &Options) -> Outcome {
    let file = read_model(&options.file)?;
    let model = file.model();
    let mut memory = file.memory();
    let (state, scratch) = memory.buffers();
    let self_test = model.self_test(state, scratch);
    let contents = Contents::of(&file, &model);
    if options.json {
        print_json(&contents.json(&model, &self_test))?;
    } else {
        print(&contents.text(&options.file.display().to_string(), &model, &self_test))?;
    }
    match self_test {
        Ok(()) | Err(SelfTestError::Absent) => Ok(()),
        Err(e) => fail(format!(
            "{}: {e}; convert the checkpoint again with this version",
            options.file.display()
        )),
    }
}

/// The lines `key=value` of the provenance.
pub(super) fn provenance<'m>(model: &Model<'m>) -> impl Iterator<Item = (&'m str, &'m str)> {
    model
        .provenance()
        .lines()
        .filter_map(|line| line.split_once('='))
}

/// Bytes by what they are for; padding of rows and columns counts as other.
#[derive(Default)]
struct Bytes {
    weights: usize,
    scales: usize,
    biases: usize,
    total: usize,
}

impl Bytes {
    fn other(&self) -> usize {
        self.total
            .saturating_sub(self.weights + self.scales + self.biases)
    }

    fn other_share(&self) -> f64 {
        self.other() as f64 / self.total as f64
    }
}

/// Everything that is derived from the tensor table.
struct Contents {
    entries: Vec<Entry>,
    bytes: Bytes,
    /// Matrix weights used once a token: no embedding row, convolution or state.
    macs: u64,
    parameters: u64,
    /// Bytes that the file would have more with every matrix int8.
    int4_saved: usize,
}

/// Kind and bytes of each layer's state; the bytes include carries, exponents and convolution.
fn layer_states<'m>(model: &Model<'m>) -> impl Iterator<Item = (StateKind, usize)> + use<'m> {
    let (desc, states) = (*model.desc(), model.states());
    (0..desc.layers as usize).map(move |layer| {
        let kind = states.of(layer);
        (kind, 4 * MemoryPlan::layer_state_words(&desc, kind))
    })
}

/// Bits of an int4 weight with its share of the group's scale.
const INT4_BITS: f64 = 4.0 + 8.0 / GROUP as f64;

impl Contents {
    fn of(file: &OwnedModel, model: &Model) -> Self {
        let layers = model.desc().layers as usize;
        let mut entries = Vec::new();
        for layer in 0..=layers {
            for role in Role::ALL {
                let global = role as usize >= LAYER_ROLES;
                let desc = model.tensor(layer, role);
                if global == (layer == layers) && desc.kind != TensorKind::Absent {
                    entries.push(Entry {
                        layer: (!global).then_some(layer),
                        role,
                        desc,
                    });
                }
            }
        }
        let mut contents = Self {
            entries,
            bytes: Bytes {
                total: file.bytes().len(),
                ..Bytes::default()
            },
            macs: 0,
            parameters: 0,
            int4_saved: 0,
        };
        contents.count(model);
        contents
    }

    fn count(&mut self, model: &Model) {
        let features = model.desc().input == sla_format::InputKind::Features;
        for Entry { role, desc: t, .. } in &self.entries {
            let (rows, cols) = (t.rows as usize, t.cols as usize);
            let elements = rows * cols;
            if t.kind.is_matrix() && (*role != Role::Input || features) {
                self.macs += elements as u64;
            }
            // A tied head lies where the embedding lies.
            if *role == Role::Head && model.desc().tied() {
                continue;
            }
            self.parameters += elements as u64;
            self.bytes.weights += elements * bits(t.kind) as usize / 8;
            self.int4_saved += if t.kind == TensorKind::I4 {
                saving(rows, cols)
            } else {
                0
            };
            let channels = if t.kind.is_matrix() {
                rows
            } else {
                t.channels(*role)
            };
            let groups = if t.kind == TensorKind::I4 {
                rows * cols.div_ceil(GROUP)
            } else {
                0
            };
            self.bytes.scales += 4 * channels + groups;
            self.bytes.biases += if t.bias == NONE { 0 } else { 4 * channels };
        }
    }

    /// Mean bits of a matrix weight, group scales of int4 included.
    fn weight_bits(&self) -> f64 {
        let matrices = || {
            self.entries
                .iter()
                .map(|e| &e.desc)
                .filter(|t| t.kind.is_matrix())
        };
        let elements = |t: &TensorDesc| f64::from(t.rows) * f64::from(t.cols);
        let stored = |t: &TensorDesc| {
            elements(t)
                * if t.kind == TensorKind::I4 {
                    INT4_BITS
                } else {
                    8.0
                }
        };
        matrices().map(stored).sum::<f64>() / matrices().map(elements).sum::<f64>()
    }

    /// The largest proven accumulator.
    fn largest_accumulator(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .max_by_key(|e| e.desc.acc_bound)
            .filter(|e| e.desc.acc_bound > 0)
    }

    fn json(&self, model: &Model, self_test: &Result<(), SelfTestError>) -> Value {
        let plan = model.plan();
        let tensors: Vec<Value> = self.entries.iter().map(Entry::json).collect();
        let layer_state =
            |(kind, bytes): (StateKind, usize)| json!({ "kind": kind.name(), "bytes": bytes });
        let layer_states: Vec<Value> = layer_states(model).map(layer_state).collect();
        let lines: Map<String, Value> = provenance(model)
            .map(|(k, v)| (k.to_string(), v.into()))
            .collect();
        let labels: Vec<&str> = (0..model.desc().outputs)
            .map_while(|i| model.label(i))
            .collect();
        json!({
            "format_version": VERSION,
            "id": format!("{:08x}", model.id()),
            "model": Map::from_iter(description(model).map(|(key, value)| (key.to_string(), value))),
            "flash_bytes": self.bytes.total,
            "state_bytes": plan.state_bytes(),
            "scratch_bytes": plan.scratch_bytes(),
            "layer_states": layer_states,
            "macs_per_token": self.macs,
            "parameters": self.parameters,
            "weight_bits": self.weight_bits(),
            "int4_saved_bytes": self.int4_saved,
            "bytes": {
                "weights": self.bytes.weights,
                "scales": self.bytes.scales,
                "biases": self.bytes.biases,
                "other": self.bytes.other(),
                "other_share": self.bytes.other_share(),
            },
            "bounds": {
                "accumulator_limit": i32::MAX,
                "accumulator_max": self.largest_accumulator().map(|e| e.desc.acc_bound),
                "accumulator_max_tensor": self.largest_accumulator().map(Entry::name),
            },
            "tensors": tensors,
            "labels": labels,
            "tokenizer": model.tokenizer().map(|tokenizer| tokenizer_json(&tokenizer)),
            "provenance": lines,
            "self_test": self_test_text(self_test),
        })
    }

    fn text(&self, name: &str, model: &Model, self_test: &Result<(), SelfTestError>) -> String {
        let (plan, bytes) = (model.plan(), &self.bytes);
        let size = |n: usize| format!("{} bytes", grouped(n as u64));
        let mut table = Table::default();
        for (key, value) in description(model) {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_string);
            table.row([
                key.to_string(),
                if value == "null" { "-".into() } else { value },
            ]);
        }
        let mut text = format!(
            "{name}: flash {}, state {}, scratch {}, {} MACs a token, format version {VERSION}\n\n{}\n",
            size(bytes.total),
            size(plan.state_bytes()),
            size(plan.scratch_bytes()),
            grouped(self.macs),
            table.render()
        );

        let mut table = Table::default();
        for (key, n) in [
            ("weights", bytes.weights),
            ("scales", bytes.scales),
            ("biases", bytes.biases),
            ("other", bytes.other()),
        ] {
            table.row([
                key.to_string(),
                size(n),
                percent(n as f64 / bytes.total as f64),
            ]);
        }
        text += &table.render();
        if self.int4_saved > 0 {
            text += &format!(
                "  {:.2} bits a weight; int4 saves {} bytes: the file is {:.3} of what it would be with int8\n",
                self.weight_bits(),
                grouped(self.int4_saved as u64),
                bytes.total as f64 / (bytes.total + self.int4_saved) as f64
            );
        }
        text.push('\n');

        let mut table = Table::default();
        table.row(["state of layer", "kind", "bytes"]);
        for (layer, (kind, bytes)) in layer_states(model).enumerate() {
            table.row([layer.to_string(), kind.name().into(), grouped(bytes as u64)]);
        }
        text += &format!("{}\n", table.render());

        let mut table = Table::default();
        table.row([
            "tensor",
            "shape",
            "bits",
            "block",
            "accumulator below",
            "bias",
            "fraction bits",
        ]);
        for e in &self.entries {
            let t = &e.desc;
            let or_dash = |n: u32| {
                if n == 0 {
                    "-".into()
                } else {
                    grouped(n.into())
                }
            };
            table.row([
                e.name(),
                format!("{} x {}", t.rows, t.cols),
                bits(t.kind).to_string(),
                or_dash(16 * u32::from(t.block_tiles)),
                or_dash(t.acc_bound),
                if t.bias == NONE {
                    "-".into()
                } else {
                    "yes".into()
                },
                t.out_frac.to_string(),
            ]);
        }
        text += &table.render();
        if let Some(e) = self.largest_accumulator() {
            let headroom = (f64::from(i32::MAX) / f64::from(e.desc.acc_bound)).log2();
            text += &format!(
                "  every 32-bit accumulator is proven to fit, with {headroom:.1} bits to spare ({})\n",
                e.name()
            );
        }

        let mut table = Table::default();
        provenance(model).for_each(|(key, value)| table.row([format!("{key}: {value}")]));
        let labels: Vec<&str> = (0..model.desc().outputs)
            .map_while(|i| model.label(i))
            .collect();
        if !labels.is_empty() {
            table.row([format!("labels: {}", labels.join(", "))]);
        }
        if let Some(tokenizer) = model.tokenizer() {
            table.row([format!("tokenizer: {}", describe(&tokenizer))]);
        }
        text += &format!(
            "\n{}  self-test: {}\n",
            table.render(),
            self_test_text(self_test)
        );
        text
    }
}

fn tokenizer_json(tokenizer: &Tokenizer) -> Value {
    let desc = tokenizer.desc();
    json!({
        "kind": describe(tokenizer),
        "tokens": desc.tokens,
        "merges": desc.merges,
        "added": desc.added,
        "bytes": TokenizerTable::section_bytes(desc),
    })
}

fn self_test_text(result: &Result<(), SelfTestError>) -> String {
    match result {
        Ok(()) => "passed".into(),
        Err(SelfTestError::Absent) => "absent".into(),
        Err(e) => format!("failed: {e}"),
    }
}
