//! `sla plan`

mod json;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sla_chips::names;
use sla_chips::plan::savings::Savings;
use sla_chips::plan::{Chip, Demand, Fit, ONE_BACKBONE_BYTES, Plan, Range, Speed};

use json::plan_json;

use super::failure::{Failure, Outcome, fail, read_model};
use super::output::{print, print_json};
use super::table::{Table, figure, grouped};
use super::terminal::is_verbose;

/// Options of `sla plan`.
#[derive(Args)]
pub(super) struct Options {
    /// File to plan for
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// One chip in detail, by its name or part number; exit code 1 where the model does not fit
    /// it. Without, one row for each chip that is known
    #[arg(long, value_name = "NAME")]
    chip: Option<String>,
    /// Print JSON, and nothing else, on stdout
    #[arg(long)]
    json: bool,
}

/// The chip that an option names, or one line with the names that there are.
pub(super) fn chip(name: &str) -> Outcome<&'static Chip> {
    Chip::find(name).ok_or_else(|| Failure::Usage(no_chip(name)))
}

/// That no chip has this name, and which names there are.
pub(super) fn no_chip(name: &str) -> String {
    let known = names::nearest(name, Chip::all().iter().map(|chip| chip.name.as_str()));
    format!("no chip is called {name}; the known ones, nearest first: {known}")
}

/// Plans and prints.
pub(super) fn command(options: &Options) -> Outcome {
    let chosen = options.chip.as_deref().map(chip).transpose()?;
    let file = read_model(&options.file)?;
    let model = file.model();
    let (demand, savings) = (Demand::of(&model, file.bytes().len()), Savings::of(&model));
    let chips: Vec<&'static Chip> =
        chosen.map_or_else(|| Chip::all().iter().collect(), |chip| vec![chip]);
    let plans: Vec<Plan> = chips.into_iter().map(|chip| demand.on(chip)).collect();
    let shown = options.file.display().to_string();
    if options.json {
        let chips: Vec<Value> = plans.iter().map(plan_json).collect();
        print_json(&json!({
            "file": shown,
            "id": format!("{:08x}", model.id()),
            "model_bytes": demand.model_bytes,
            "state_bytes": demand.state_bytes,
            "scratch_bytes": demand.scratch_bytes,
            "prompt_scratch_bytes": demand.prompt_scratch_bytes,
            "streamed_bytes": demand.streamed_bytes,
            "int4_would_save_bytes": savings.int4_bytes,
            "int4_head_would_save_bytes": savings.int4_head_bytes,
            "int16_state_would_save_bytes": savings.int16_bytes,
            "speed_is": "an estimate",
            "chips": chips,
        }))?;
    } else {
        print(&match (chosen, plans.first()) {
            (Some(_), Some(plan)) => detail(&shown, &demand, plan),
            _ => overview(&shown, &demand, &savings, &plans),
        })?;
    }
    match (chosen, plans.first()) {
        (Some(chip), Some(plan)) if !plan.fit.fits() => fail(format!(
            "{shown} does not fit {}: {}",
            chip.name,
            shortage(&plan.fit, &savings)
        )),
        _ => Ok(()),
    }
}

/// What is missing, and what would help.
fn shortage(fit: &Fit, savings: &Savings) -> String {
    let with_head = savings.int4_bytes + savings.int4_head_bytes;
    let int4 = [
        ("--weights int4", savings.int4_bytes),
        ("--weights int4 --head int4", with_head),
    ];
    let code = Code {
        of: fit.code_bytes,
        less: fit.code_bytes.saturating_sub(ONE_BACKBONE_BYTES),
    };
    let flash = missing(fit.flash_short(), "flash", &int4, "int4 weights", code);
    let int16 = [("--state int16", savings.int16_bytes)];
    let ram = missing(
        fit.ram_short(),
        "RAM",
        &int16,
        "int16 states",
        Code { of: 0, less: 0 },
    );
    flash.into_iter().chain(ram).collect::<Vec<_>>().join("; ")
}

/// Code with all backbones, and what one backbone has less.
struct Code {
    of: u64,
    less: u64,
}

/// The missing bytes of a memory, with the first option that saves enough; they are in the order of
/// what they save.
fn missing(
    short: u64,
    memory: &str,
    options: &[(&str, u64)],
    now: &str,
    code: Code,
) -> Option<String> {
    let firmware = format!(
        "a firmware with one backbone, of about {} bytes of code instead of {}",
        grouped(ONE_BACKBONE_BYTES),
        grouped(code.of)
    );
    let or_firmware = |short: u64, or: &str| {
        if short <= code.less {
            format!("{or} {firmware}")
        } else {
            String::new()
        }
    };
    let help = match (
        options.iter().find(|option| option.1 >= short),
        options.last(),
    ) {
        _ if short == 0 => return None,
        (Some((option, saves)), _) => {
            format!(
                "; convert with {option}, which saves {}{}",
                grouped(*saves),
                or_firmware(short, ", or use")
            )
        }
        (None, Some((option, saves))) if *saves > 0 => format!(
            "; {option} saves only {}, so a smaller model is needed{}",
            grouped(*saves),
            or_firmware(short - saves, " or")
        ),
        (None, _) => format!(
            ", and it has {now} already: a smaller model is needed{}",
            or_firmware(short, " or")
        ),
    };
    Some(format!(
        "{} bytes of {memory} are missing{help}",
        grouped(short)
    ))
}

/// Where code and stack are from without a machine.
const ASSUMED: &str = "the most of the measured machines";

fn overview(name: &str, demand: &Demand, savings: &Savings, plans: &[Plan]) -> String {
    let mut table = Table::default();
    table.row([
        "chip",
        "core",
        "MHz",
        "flash used",
        "left",
        "RAM used",
        "left",
        "tokens/s (estimate)",
        "",
    ]);
    for plan in plans {
        let fit = &plan.fit;
        let left = |short: u64, used: u64, all: u64| match short {
            0 => grouped(all.saturating_sub(used)),
            short => format!("-{}", grouped(short)),
        };
        table.row([
            plan.chip.name.clone(),
            plan.chip.core.clone(),
            plan.chip.mhz.to_string(),
            grouped(fit.flash_used),
            left(fit.flash_short(), fit.flash_used, fit.flash_bytes),
            grouped(fit.ram_used),
            left(fit.ram_short(), fit.ram_used, fit.ram_bytes),
            plan.speed
                .as_ref()
                .filter(|_| fit.fits())
                .map_or("-".into(), |s| range(s.tokens_per_second)),
            if fit.fits() {
                "fits".into()
            } else {
                "does not fit".into()
            },
        ]);
    }
    let mut text = format!(
        "{name}: {} bytes, state {}, scratch {}\n\n",
        grouped(demand.model_bytes),
        grouped(demand.state_bytes),
        grouped(demand.scratch_bytes)
    );
    text += &table.render();
    text += "\n  flash used is the model and a firmware with all backbones; RAM used is state, scratch and stack\n";
    let assumed: Vec<&str> = plans
        .iter()
        .filter(|plan| !plan.is_measured())
        .map(|plan| plan.chip.name.as_str())
        .collect();
    if !assumed.is_empty() {
        text += &format!(
            "  firmware and stack of the {} are assumed: {ASSUMED}\n",
            assumed.join(" and the ")
        );
    }
    if is_verbose() {
        text.push('\n');
        for Plan { chip, .. } in plans {
            text += &format!("  {}: {}\n", chip.name, chip.source);
        }
    }
    if plans.iter().any(|plan| !plan.fit.fits()) {
        let mut ways = Vec::new();
        if savings.int4_bytes > 0 {
            ways.push(format!(
                "--weights int4 saves {} bytes of flash",
                grouped(savings.int4_bytes)
            ));
        }
        if savings.int4_head_bytes > 0 {
            ways.push(format!(
                "--head int4 with it {}",
                grouped(savings.int4_head_bytes)
            ));
        }
        if savings.int16_bytes > 0 {
            ways.push(format!(
                "--state int16 saves {} bytes of RAM",
                grouped(savings.int16_bytes)
            ));
        }
        text += &format!(
            "  {}\n",
            if ways.is_empty() {
                "smaller options are in use already".into()
            } else {
                ways.join("; ")
            }
        );
    }
    text
}

fn detail(name: &str, demand: &Demand, plan: &Plan) -> String {
    let (chip, fit) = (plan.chip, &plan.fit);
    let mut table = Table::default();
    table.row(["", "bytes", "where"]);
    table.row([
        "model".into(),
        grouped(demand.model_bytes),
        chip.flash.name.clone(),
    ]);
    table.row([
        "code and constants, all backbones".into(),
        grouped(fit.code_bytes),
        chip.flash.name.clone(),
    ]);
    table.row(left(
        "flash",
        fit.flash_short(),
        fit.flash_used,
        fit.flash_bytes,
    ));
    for placed in &fit.ram {
        let place = placed.region.unwrap_or("no region is long enough");
        table.row([
            placed.need.name.into(),
            grouped(placed.need.bytes),
            place.to_string(),
        ]);
    }
    table.row(left("RAM", fit.ram_short(), fit.ram_used, fit.ram_bytes));
    let more = demand.prompt_scratch_bytes - demand.scratch_bytes;
    table.row([
        "more scratch for faster prompts".to_string(),
        grouped(more),
        "if wanted".into(),
    ]);
    let mut text = format!(
        "{name} on {}, {} at {} MHz\n\n{}",
        chip.name,
        chip.core,
        chip.mhz,
        table.render()
    );
    text += &match &plan.speed {
        Some(_) if !fit.fits() => String::new(),
        Some(speed) => speed_text(chip, demand, speed),
        None => format!(
            "\n  no estimate of the speed: {} is {}\n  code, constants and stack are assumed: {ASSUMED}\n",
            chip.core,
            chip.core().source
        ),
    };
    text += &format!("\n  {}\n", chip.source);
    if let Some(assumed) = &chip.assumed {
        text += &format!("  not published, assumed: {assumed}\n");
    }
    text
}

/// The row of what is left of a memory, or missing.
fn left(memory: &str, short: u64, used: u64, all: u64) -> [String; 3] {
    let (what, bytes) = if short > 0 {
        ("missing", short)
    } else {
        ("left", all.saturating_sub(used))
    };
    [
        format!("{memory} {what}"),
        grouped(bytes),
        format!("of {}", grouped(all)),
    ]
}

fn speed_text(chip: &Chip, demand: &Demand, speed: &Speed) -> String {
    let [least, most] = chip.core().cycles;
    let [line_least, line_most] = chip.line_cycles;
    format!(
        "\n  {} tokens/s (estimate): {} instructions a token (within {:.0} % of measured ones), {least} to {most} cycles each,\n  \
         and {} bytes of weights from {} at {line_least} to {line_most} cycles for {} bytes: {} cycles\n  {}\n",
        range(speed.tokens_per_second),
        grouped(speed.instructions.round() as u64),
        100.0 * sla_chips::plan::cost::TOLERANCE,
        grouped(demand.streamed_bytes),
        chip.flash.name,
        chip.line,
        range(speed.cycles),
        chip.core().source,
    )
}

/// `8–14`, two significant digits, rounded outwards.
fn range(range: Range) -> String {
    let two = |value: f64, round: fn(f64) -> f64| {
        let unit = 10f64.powi(value.log10().floor() as i32 - 1);
        let rounded = round(value / unit) * unit;
        if rounded >= 10.0 {
            grouped(rounded as u64)
        } else {
            figure_of(rounded, unit)
        }
    };
    format!(
        "{}–{}",
        two(range.low, f64::floor),
        two(range.high, f64::ceil)
    )
}

fn figure_of(value: f64, unit: f64) -> String {
    let decimals = (-unit.log10().round()).max(0.0) as usize;
    if value >= 1e-4 {
        format!("{value:.decimals$}")
    } else {
        figure(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_rounded_outwards() {
        let text = |low, high| range(Range { low, high });
        assert_eq!(text(8.04, 13.97), "8.0–14");
        assert_eq!(text(0.0851, 0.129), "0.085–0.13");
        assert_eq!(text(123.0, 1_021.0), "120–1,100");
        assert_eq!(text(1_234_567.0, 2_000_001.0), "1,200,000–2,100,000");
    }

    #[test]
    fn a_shortage_says_what_would_help() {
        let fit = |short: u64| Fit {
            code_bytes: 40_000,
            flash_used: 512_000 + short,
            flash_bytes: 512_000,
            ram: Vec::new(),
            ram_used: 0,
            ram_bytes: 0,
        };
        let text = |short, int4_bytes, int4_head_bytes| {
            shortage(
                &fit(short),
                &Savings {
                    int4_bytes,
                    int4_head_bytes,
                    int16_bytes: 0,
                },
            )
        };
        let one = "a firmware with one backbone, of about 24,576 bytes of code instead of 40,000";
        let already = "and it has int4 weights already: a smaller model is needed";
        assert_eq!(
            text(15_424, 0, 0),
            format!("15,424 bytes of flash are missing, {already} or {one}")
        );
        assert_eq!(
            text(15_425, 0, 0),
            format!("15,425 bytes of flash are missing, {already}")
        );
        let saves = "convert with --weights int4, which saves 20,000";
        assert_eq!(
            text(9_000, 20_000, 500),
            format!("9,000 bytes of flash are missing; {saves}, or use {one}")
        );
        assert_eq!(
            text(19_000, 20_000, 500),
            format!("19,000 bytes of flash are missing; {saves}")
        );
        let head = "convert with --weights int4 --head int4, which saves 20,500";
        assert_eq!(
            text(20_500, 20_000, 500),
            format!("20,500 bytes of flash are missing; {head}")
        );
        let only = "--weights int4 --head int4 saves only 20,500, so a smaller model is needed";
        assert_eq!(
            text(20_501, 20_000, 500),
            format!("20,501 bytes of flash are missing; {only} or {one}")
        );
        assert_eq!(
            text(40_000, 20_000, 500),
            format!("40,000 bytes of flash are missing; {only}")
        );
    }
}
