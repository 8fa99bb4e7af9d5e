//! Memory: what the system has left for this process, and large buffers whose absence is an error.

use std::fs;
use std::thread;

/// Why there is not enough memory; every display is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// Known before the work.
    #[error("{what} needs about {} of memory, and {} are left {limit}; free some, or use a machine with more", shown(*need), shown(*have))]
    Short {
        /// The work.
        what: String,
        /// Bytes that it takes.
        need: u64,
        /// Bytes that are left.
        have: u64,
        /// Where that limit is.
        limit: &'static str,
    },
    /// The system refused an allocation.
    #[error("out of memory: the system has no {} in one piece; free some, or use a machine with more", shown(*bytes))]
    Refused {
        /// Bytes asked for.
        bytes: u64,
    },
}

/// An empty vector with room for `len` elements.
///
/// # Errors
/// [`MemoryError::Refused`]
pub fn reserve<T>(len: usize) -> Result<Vec<T>, MemoryError> {
    let mut vec = Vec::new();
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    vec.try_reserve_exact(len)
        .map_err(|_| MemoryError::Refused { bytes })?;
    Ok(vec)
}

/// Makes sure that there are about `need` bytes for `what`, as far as the system tells.
///
/// # Errors
/// [`MemoryError::Short`]
pub fn require(what: &str, need: u64) -> Result<(), MemoryError> {
    match limits().into_iter().min() {
        Some((have, limit)) if have < need => Err(MemoryError::Short {
            what: what.into(),
            need,
            have,
            limit,
        }),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take, by every limit that the system tells.
fn limits() -> Vec<(u64, &'static str)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (status, rlimits, system) = (
        read("/proc/self/status"),
        read("/proc/self/limits"),
        read("/proc/meminfo"),
    );
    let used = |key: &str| kibibytes(&status, key).unwrap_or(0);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut limits = Vec::new();
    // Each thread takes addresses for its stack and for an arena of the allocator, whether it uses
    // them or not.
    let addresses = used("VmSize:") + threads * (66 << 20);
    let rlimit = |name: &str| {
        rlimits.lines().find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
    };
    limits.extend(
        rlimit("Max address space").map(|max: u64| (max.saturating_sub(addresses), "(ulimit -v)")),
    );
    limits.extend(
        rlimit("Max data size")
            .map(|max: u64| (max.saturating_sub(used("VmData:")), "(ulimit -d)")),
    );
    let free = kibibytes(&system, "MemAvailable:")
        .map(|free| free + kibibytes(&system, "SwapFree:").unwrap_or(0));
    limits.extend(free.map(|free| (free, "on this machine")));
    limits.extend(
        control_group(&read("/proc/self/cgroup")).map(|free| (free, "in this control group")),
    );
    limits
}

/// What the memory controller leaves, of either version; what caches files counts as free.
fn control_group(groups: &str) -> Option<u64> {
    let number = |path: String| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let left = |folder: &str, max: &str, now: &str, cache: &str| {
        let used = number(format!("{folder}/{now}"))?;
        let stat = fs::read_to_string(format!("{folder}/memory.stat")).unwrap_or_default();
        let cached = stat
            .lines()
            .find_map(|line| line.strip_prefix(cache)?.trim().parse().ok())
            .unwrap_or(0);
        Some(number(format!("{folder}/{max}"))?.saturating_sub(used.saturating_sub(cached)))
    };
    // A container sees its own group at the root, whatever its path is outside.
    let folders = |root: &str, path: &str| [format!("{root}{path}"), root.into()];
    let of = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => folders("/sys/fs/cgroup", path)
                .iter()
                .filter_map(|f| left(f, "memory.max", "memory.current", "file "))
                .min(),
            _ if controllers.split(',').any(|c| c == "memory") => {
                folders("/sys/fs/cgroup/memory", path)
                    .iter()
                    .filter_map(|f| {
                        left(
                            f,
                            "memory.limit_in_bytes",
                            "memory.usage_in_bytes",
                            "total_cache ",
                        )
                    })
                    .min()
            }
            _ => None,
        }
    };
    groups.lines().filter_map(of).min()
}

/// `key  123 kB`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| 1024 * kib)
}

/// Bytes for people.
fn shown(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_one_line() {
        let error = reserve::<u64>(usize::MAX / 16).unwrap_err().to_string();
        assert!(
            error.starts_with("out of memory") && !error.contains('\n'),
            "{error}"
        );
        assert!(require("nothing", 0).is_ok());
        if !limits().is_empty() {
            let error = require("this test", u64::MAX).unwrap_err().to_string();
            assert!(
                error.starts_with("this test needs about") && error.contains("are left"),
                "{error}"
            );
        }
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(
            [0, 1, 1_000_000, 1_000_001, 2_340_000_000].map(shown),
            ["0 MB", "1 MB", "1 MB", "2 MB", "2.3 GB"]
        );
        assert_eq!(
            kibibytes("A: 1 kB\nVmSize:\t   12 kB\n", "VmSize:"),
            Some(12 * 1024)
        );
    }
}
