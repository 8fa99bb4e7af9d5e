//! The stack of the C functions: what sla.h says against what the emulated Cortex-M4 takes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// A row of the header's table: no function takes more, and one takes more than half of it.
struct Bound<'h> {
    bytes: u64,
    functions: Vec<&'h str>,
}

/// The rows of a header: `//   BYTES FUNCTION FUNCTION…`.
fn bounds<'h>(header: &'h str) -> Vec<Bound<'h>> {
    let row = |line: &'h str| {
        let mut words = line.strip_prefix("//   ")?.split_whitespace();
        let bytes = words.next()?.parse().ok()?;
        Some(Bound {
            bytes,
            functions: words.collect(),
        })
    };
    header.lines().filter_map(row).collect()
}

/// The most that each function took, over the lines `FUNCTION BYTES` of all outputs.
fn most(outputs: &[String]) -> Result<BTreeMap<&str, u64>> {
    let mut most = BTreeMap::new();
    for line in outputs.iter().flat_map(|output| output.lines()) {
        let (name, bytes) = line
            .split_once(' ')
            .with_context(|| format!("the stack: {line:?}"))?;
        let bytes: u64 = bytes
            .parse()
            .with_context(|| format!("the stack: {line:?}"))?;
        let entry = most.entry(name).or_insert(0);
        *entry = bytes.max(*entry);
    }
    Ok(most)
}

/// Compares what the measuring firmware wrote with every model, and returns what to report.
pub fn check(header: &str, outputs: &[String]) -> Result<Vec<String>> {
    let (bounds, most) = (bounds(header), most(outputs)?);
    if bounds.is_empty() {
        bail!("sla.h has no table of the stack");
    }
    let mut notes = Vec::new();
    for Bound { bytes, functions } in bounds {
        let mut largest = ("", 0);
        for name in functions {
            let used = *most
                .get(name)
                .with_context(|| format!("no model shows what stack {name} takes"))?;
            if used > bytes {
                bail!("{name} takes {used} bytes of stack, sla.h says at most {bytes}");
            }
            largest = if used > largest.1 {
                (name, used)
            } else {
                largest
            };
        }
        let (name, used) = largest;
        if 2 * used <= bytes {
            bail!("sla.h says up to {bytes} bytes of stack where {name} takes most, {used}");
        }
        notes.push(format!(
            "{name}: {used} bytes of stack on the M4 (at most {bytes})"
        ));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::check;

    const HEADER: &str = "// Stack:\n//\n//   64 sla_a sla_b\n//     200 sla_c\nvoid f(void);\n";

    #[test]
    fn a_bound_holds_for_all_and_is_not_idle() {
        let says = |outputs: &[&str]| {
            let outputs: Vec<String> = outputs.iter().map(|&output| output.to_owned()).collect();
            check(HEADER, &outputs).map_or_else(|error| error.to_string(), |notes| notes.join("; "))
        };
        let good = "sla_a: 64 bytes of stack on the M4 (at most 64); sla_c: 101 bytes of stack on the M4 (at most 200)";
        assert_eq!(says(&["sla_a 64\nsla_b 8\n", "sla_a 8\nsla_c 101\n"]), good);
        assert_eq!(
            says(&["sla_a 68\nsla_b 8\nsla_c 101\n"]),
            "sla_a takes 68 bytes of stack, sla.h says at most 64"
        );
        assert_eq!(
            says(&["sla_a 64\nsla_c 101\n"]),
            "no model shows what stack sla_b takes"
        );
        let idle = "sla.h says up to 200 bytes of stack where sla_c takes most, 100";
        assert_eq!(says(&["sla_a 64\nsla_b 8\nsla_c 100\n"]), idle);
        assert!(says(&["error: step"]).contains("the stack"));
        assert_eq!(
            check("", &[]).map_err(|error| error.to_string()),
            Err("sla.h has no table of the stack".into())
        );
    }
}
