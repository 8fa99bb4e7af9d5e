//! `sla run`

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use sla_converter::tokenizer;
use sla_format::{InputKind, NONE};
use sla_runtime::{Decoder, MAX_CANDIDATES, Model, Sampler, SamplerConfig};

use super::failure::{Outcome, fail, read_model_to_run, warn};
use super::output::print;
use super::utf8::Utf8Stream;

/// Options of `sla run`.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Options {
    /// Model to run
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// Text to continue; it is not printed again. Default: the model's first token, a line break for byte-level models
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_ids")]
    prompt: Option<String>,
    /// Token ids to continue
    #[arg(long, value_name = "ID,ID,…", value_delimiter = ',')]
    prompt_ids: Vec<u32>,
    /// Number of new tokens
    #[arg(short = 'n', long = "tokens", value_name = "TOKENS", default_value_t = 256)]
    tokens: u64,
    /// Divides the logits; 0 takes the most likely token every time
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().temperature, value_parser = temperature)]
    temperature: f32,
    /// Draw from the N most likely tokens; 0 for as many as the sampler keeps (256)
    #[arg(long, value_name = "N", default_value_t = SamplerConfig::default().top_k)]
    top_k: usize,
    /// Draw from the fewest tokens that have this probability together
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().top_p, value_parser = top_p)]
    top_p: f32,
    /// Makes the last 64 tokens less likely; 1 for no change
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().repetition_penalty, value_parser = penalty)]
    repetition_penalty: f32,
    /// The same seed gives the same text on every machine
    #[arg(long, value_name = "N", default_value_t = SamplerConfig::default().seed)]
    seed: u64,
}

fn number(text: &str, rule: &str, valid: impl Fn(f32) -> bool) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|&v| valid(v));
    value.ok_or_else(|| format!("it must be {rule}"))
}

fn temperature(text: &str) -> Result<f32, String> {
    number(text, "a finite number, 0 or above", |v| v.is_finite() && v >= 0.0)
}

fn top_p(text: &str) -> Result<f32, String> {
    number(text, "above 0 and at most 1", |v| v > 0.0 && v <= 1.0)
}

fn penalty(text: &str) -> Result<f32, String> {
    number(text, "a finite number above 0", |v| v.is_finite() && v > 0.0)
}

/// Generates and prints, token by token.
pub(super) fn command(options: &Options) -> Outcome {
    let file = read_model_to_run(&options.file)?;
    let (model, mut memory) = (file.model(), file.memory());
    let shown = options.file.display();
    if model.desc().input == InputKind::Features {
        return fail(format!(
            "{shown}: the model reads feature vectors and generates no text; `sla logits --model {shown} --input \
             <X.safetensors> -o <OUT.safetensors>` runs it"
        ));
    }
    if options.top_k > MAX_CANDIDATES {
        warn(&[format!("--top-k {}: the sampler keeps {MAX_CANDIDATES} candidates", options.top_k)]);
    }
    let prompt = prompt(&model, options)?;
    let mut sampler = Sampler::new(SamplerConfig {
        temperature: options.temperature,
        top_k: options.top_k,
        top_p: options.top_p,
        repetition_penalty: options.repetition_penalty,
        seed: options.seed,
    });
    prompt.iter().for_each(|&id| sampler.observe(id));
    if options.tokens == 0 {
        return Ok(());
    }

    let eos = if model.tokenizer_section().is_empty() { NONE } else { model.desc().eos };
    let mut printer = Printer::new(&model, &prompt);
    let mut session = memory.session(&model)?;
    let mut token = sampler.sample(&mut session.prefill(&prompt)?);
    for n in 1.. {
        if token == eos {
            break;
        }
        printer.token(token)?;
        if n == options.tokens {
            break;
        }
        token = sampler.sample(&mut session.step(token)?);
    }
    printer.finish()
}

/// A model whose ids are the bytes of text.
fn reads_bytes(model: &Model) -> bool {
    model.desc().inputs == 256 && model.tokenizer_section().is_empty()
}

fn prompt(model: &Model, options: &Options) -> Outcome<Vec<u32>> {
    let (shown, vocabulary) = (options.file.display(), model.desc().inputs);
    if !options.prompt_ids.is_empty() {
        if let Some(at) = options.prompt_ids.iter().position(|&id| id >= vocabulary) {
            let id = options.prompt_ids[at];
            return fail(format!("--prompt-ids: id {id} at position {at} is outside the vocabulary of {vocabulary}"));
        }
        return Ok(options.prompt_ids.clone());
    }
    let tokenizer = model.tokenizer();
    match options.prompt.as_deref().filter(|p| !p.is_empty()) {
        Some(text) if tokenizer.is_some() => {
            let ids = tokenizer.map_or(Vec::new(), |tokenizer| tokenizer::encode(&tokenizer, text, true));
            return if ids.is_empty() { fail("--prompt: the tokenizer has no token for this text") } else { Ok(ids) };
        }
        Some(text) if reads_bytes(model) => return Ok(text.bytes().map(u32::from).collect()),
        Some(_) => {
            return fail(format!(
                "{shown}: the file has no tokenizer and a vocabulary of {vocabulary}, so text cannot be encoded; give \
                 --prompt-ids 1,2,3"
            ));
        }
        None => {}
    }
    match model.desc().bos {
        bos if bos < vocabulary => Ok(vec![bos]),
        _ if reads_bytes(model) => Ok(vec![b'\n'.into()]),
        _ => fail(format!("{shown}: the model has no bos_token_id to start from; give --prompt-ids 1,2,3")),
    }
}

/// Prints tokens as text, or as ids where there is no text.
struct Printer<'m> {
    tokens: Option<Decoder<'m>>,
    bytes: Option<Utf8Stream>,
    first: bool,
}

impl<'m> Printer<'m> {
    /// What is printed goes on where the prompt ends, perhaps within a character.
    fn new(model: &Model<'m>, prompt: &[u32]) -> Self {
        let mut tokens = model.tokenizer().map(|tokenizer| Decoder::new(tokenizer, true));
        if let Some(decoder) = &mut tokens {
            prompt.iter().for_each(|&id| decoder.push(id, &mut |_| {}));
        }
        Self { tokens, bytes: reads_bytes(model).then(Utf8Stream::default), first: true }
    }

    fn token(&mut self, token: u32) -> Outcome {
        let mut text = String::new();
        match (&mut self.tokens, &mut self.bytes) {
            (Some(decoder), _) => decoder.push(token, &mut |part| text.push_str(part)),
            (None, Some(stream)) => stream.push(token.to_le_bytes()[0], &mut text),
            (None, None) if self.first => text = token.to_string(),
            (None, None) => text = format!(" {token}"),
        }
        self.first = false;
        if text.is_empty() { Ok(()) } else { print(&text) }
    }

    /// What is left; a line break where a prompt follows on the same screen.
    fn finish(mut self) -> Outcome {
        let mut text = String::new();
        if let Some(stream) = &mut self.bytes {
            stream.finish(&mut text);
        }
        if let Some(decoder) = &mut self.tokens {
            decoder.finish(&mut |part| text.push_str(part));
        }
        if (self.bytes.is_none() && self.tokens.is_none()) || std::io::stdout().is_terminal() {
            text.push('\n');
        }
        print(&text)
    }
}
