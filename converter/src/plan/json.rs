//! A plan for machines.

use serde_json::{Value, json};
use sla_chips::plan::{CostTable, Plan, Range};

/// All of it.
pub(super) fn plan_json(plan: &Plan) -> Value {
    let (chip, fit) = (plan.chip, &plan.fit);
    let pair = |r: Range| json!([r.low, r.high]);
    let ram: Vec<Value> = fit
        .ram
        .iter()
        .map(|p| json!({ "what": p.need.name, "bytes": p.need.bytes, "region": p.region }))
        .collect();
    let speed = plan.speed.as_ref().map(|speed| {
        json!({
            "instructions_per_token": speed.instructions,
            "instructions_tolerance": sla_chips::plan::cost::TOLERANCE,
            "cycles_per_instruction": chip.core().cycles,
            "cycles_per_token": pair(speed.cycles),
            "tokens_per_second": pair(speed.tokens_per_second),
            "measured_machine": chip.core().machine,
            "measured_rustc": CostTable::builtin().rustc,
        })
    });
    json!({
        "chip": chip.name,
        "core": chip.core,
        "mhz": chip.mhz,
        "fits": fit.fits(),
        "code_bytes": fit.code_bytes,
        "code_and_stack_are": if plan.is_measured() { "measured" } else { "assumed" },
        "flash": { "name": chip.flash.name, "bytes": fit.flash_bytes, "used": fit.flash_used, "missing": fit.flash_short() },
        "ram": { "bytes": fit.ram_bytes, "used": fit.ram_used, "missing": fit.ram_short(), "buffers": ram },
        "speed_estimate": speed,
        "source": chip.source,
        "core_source": chip.core().source,
        "assumed": chip.assumed,
    })
}
