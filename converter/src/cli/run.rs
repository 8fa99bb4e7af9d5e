//! `sla run`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use sla_converter::{files, foreign};
use sla_format::InputKind;
use sla_runtime::{
    Decoder, MAX_CANDIDATES, Model, Sampler, SamplerConfig, Session, SnapshotError, SpecialTokens,
};

use super::failure::{Failure, Outcome, fail, read_model_to_run, warn};
use super::number::{number, whole};
use super::output::print;
use super::prompt::Prompt;
use super::text::{closing, reads_bytes};
use super::utf8::Utf8Stream;

/// Options of `sla run`.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Options {
    /// Model to run
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    #[command(flatten)]
    prompt: Prompt,
    /// Go on from a session that `sla snapshot` or a device wrote, in place of a prompt
    #[arg(long, value_name = "FILE.slas", conflicts_with_all = ["prompt", "prompt_file", "prompt_ids", "control_tokens"])]
    snapshot: Option<PathBuf>,
    /// Number of new tokens
    #[arg(short = 'n', long = "tokens", value_name = "TOKENS", default_value_t = 256, value_parser = tokens)]
    tokens: u64,
    /// Divides the logits; 0 takes the most likely token every time
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().temperature, value_parser = temperature)]
    temperature: f32,
    /// Draw from the N most likely tokens; 0 or -1 for as many as the sampler keeps (256)
    #[arg(long, value_name = "N", default_value_t = SamplerConfig::default().top_k, value_parser = top_k)]
    top_k: usize,
    /// Draw from the fewest tokens that have this probability together; 1 for no limit
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().top_p, value_parser = top_p)]
    top_p: f32,
    /// Makes the last 64 tokens less likely; 1 for no change
    #[arg(long, value_name = "F", default_value_t = SamplerConfig::default().repetition_penalty, value_parser = penalty)]
    repetition_penalty: f32,
    /// The same seed gives the same text on every machine
    #[arg(long, value_name = "N", default_value_t = SamplerConfig::default().seed, value_parser = seed)]
    seed: u64,
}

fn tokens(text: &str) -> Result<u64, String> {
    whole(
        text,
        "a whole number from 0 to 2^64-1; a large one goes on until the model ends the text, or Ctrl-C does",
    )
}

fn top_k(text: &str) -> Result<usize, String> {
    if text == "-1" {
        Ok(0)
    } else {
        whole(
            text,
            "a whole number, 1 or above; 0 or -1 for as many as the sampler keeps",
        )
    }
}

fn seed(text: &str) -> Result<u64, String> {
    whole(
        text,
        "a whole number from 0 to 2^64-1; another one gives another text",
    )
}

fn temperature(text: &str) -> Result<f32, String> {
    number(
        text,
        "a finite number, 0 or above; 0 takes the most likely token every time",
        |v: f32| v.is_finite() && v >= 0.0,
    )
}

fn top_p(text: &str) -> Result<f32, String> {
    number(text, "above 0 and at most 1; 1 for no limit", |v: f32| {
        v > 0.0 && v <= 1.0
    })
}

fn penalty(text: &str) -> Result<f32, String> {
    number(
        text,
        "a finite number above 0; 1 for no change",
        |v: f32| v.is_finite() && v > 0.0,
    )
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
        let most = format!(
            "--top-k {}: the sampler keeps {MAX_CANDIDATES} candidates",
            options.top_k
        );
        warn(&[format!(
            "{most}, and draws from those; give at most {MAX_CANDIDATES}"
        )]);
    }
    let mut session = memory.session(&model)?;
    let prompt = match &options.snapshot {
        Some(path) => {
            restore(&mut session, path)?;
            Vec::new()
        }
        None => options.prompt.tokens(&model, &options.file)?,
    };
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

    let mut printer = Printer::new(&model, &prompt);
    let mut logits = if prompt.is_empty() {
        session.logits()
    } else {
        session.prefill(&prompt)?
    };
    let mut token = sampler.sample(&mut logits);
    for n in 1.. {
        if !reads_bytes(&model) && model.is_end_of_text(token) {
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

/// The session of a file that `sla snapshot` or a device wrote.
fn restore(session: &mut Session, path: &Path) -> Outcome {
    let shown = path.display();
    let bytes = files::read(path).map_err(|e| Failure::Error(format!("{shown}: {e}")))?;
    let restored = session.restore(&bytes);
    let is_other = |e: SnapshotError| {
        matches!(
            e,
            SnapshotError::NotASnapshot | SnapshotError::Truncated { .. }
        )
    };
    restored.map_err(|e| match foreign::what(&bytes).filter(|_| is_other(e)) {
        Some(what) => Failure::Error(format!(
            "{shown}: not a snapshot but {what}; `sla snapshot` makes one of this model"
        )),
        None => Failure::Error(format!(
            "{shown}: {e}; `sla snapshot` makes one of this model"
        )),
    })?;
    if session.position() == 0 {
        return fail(format!(
            "{shown}: a session that has read nothing yet; give --prompt or --prompt-ids"
        ));
    }
    Ok(())
}

/// Prints tokens as text, or as ids where there is no text.
struct Printer<'m> {
    tokens: Option<Decoder<'m>>,
    bytes: Option<Utf8Stream>,
    /// The last character.
    last: Option<char>,
}

impl<'m> Printer<'m> {
    /// What is printed goes on where the prompt ends, perhaps within a character; without one, in
    /// the middle of a text that is not known.
    fn new(model: &Model<'m>, prompt: &[u32]) -> Self {
        let new = if prompt.is_empty() {
            Decoder::within
        } else {
            Decoder::new
        };
        let mut tokens = model
            .tokenizer()
            .map(|tokenizer| new(tokenizer, SpecialTokens::Skip));
        if let Some(decoder) = &mut tokens {
            prompt.iter().for_each(|&id| decoder.push(id, &mut |_| {}));
        }
        Self {
            tokens,
            bytes: reads_bytes(model).then(Utf8Stream::default),
            last: None,
        }
    }

    fn token(&mut self, token: u32) -> Outcome {
        let mut text = String::new();
        match (&mut self.tokens, &mut self.bytes) {
            (Some(decoder), _) => decoder.push(token, &mut |part| text.push_str(part)),
            (None, Some(stream)) => stream.push(token.to_le_bytes()[0], &mut text),
            (None, None) if self.last.is_none() => text = token.to_string(),
            (None, None) => text = format!(" {token}"),
        }
        self.print(&text)
    }

    fn print(&mut self, text: &str) -> Outcome {
        self.last = text.chars().next_back().or(self.last);
        if text.is_empty() { Ok(()) } else { print(text) }
    }

    /// What is left; a line end behind ids, and where a prompt follows on the same screen.
    fn finish(mut self) -> Outcome {
        let mut text = String::new();
        if let Some(stream) = &mut self.bytes {
            stream.finish(&mut text);
        }
        if let Some(decoder) = &mut self.tokens {
            decoder.finish(&mut |part| text.push_str(part));
        }
        self.print(&text)?;
        let ids = self.bytes.is_none() && self.tokens.is_none();
        print(closing(ids || std::io::stdout().is_terminal(), self.last))
    }
}
