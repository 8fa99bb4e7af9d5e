//! Placing firmware, model and buffers in a chip's memories.

use super::{Chip, Demand};

/// A buffer that has to lie in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What it is.
    pub name: &'static str,
    /// Length.
    pub bytes: u64,
}

/// A buffer and the RAM region that has room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The buffer.
    pub need: Need,
    /// Name of the region; none where no region has room.
    pub region: Option<&'static str>,
}

/// Code that a token path and `Model::parse` take where one backbone alone is built in: the limit
/// that `cargo xtask test --all` holds it to.
pub const ONE_BACKBONE_BYTES: u64 = 24 << 10;

/// Flash and RAM of a model on a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Code and constants of a firmware with all backbones, measured or assumed
    /// ([`super::Plan::is_measured`]).
    pub code_bytes: u64,
    /// Code and model.
    pub flash_used: u64,
    /// Flash of the chip.
    pub flash_bytes: u64,
    /// State, scratch and stack, and where they lie.
    pub ram: Vec<Placed>,
    /// Their sum.
    pub ram_used: u64,
    /// RAM of the chip, all regions.
    pub ram_bytes: u64,
}

impl Fit {
    pub(super) fn new(
        demand: &Demand,
        chip: &'static Chip,
        code_bytes: u64,
        stack_bytes: u64,
    ) -> Self {
        let mut needs = [
            Need {
                name: "state",
                bytes: demand.state_bytes,
            },
            Need {
                name: "scratch",
                bytes: demand.scratch_bytes,
            },
            Need {
                name: "stack",
                bytes: stack_bytes,
            },
        ];
        // The longest first, each into the first region with room: regions are listed fastest
        // first.
        needs.sort_by_key(|need| std::cmp::Reverse(need.bytes));
        let mut left: Vec<u64> = chip.ram.iter().map(|region| region.bytes).collect();
        let ram = needs.map(|need| {
            let at = left.iter().position(|&left| left >= need.bytes);
            if let Some(at) = at {
                left[at] -= need.bytes;
            }
            Placed {
                need,
                region: at.map(|at| chip.ram[at].name.as_str()),
            }
        });
        Self {
            code_bytes,
            flash_used: code_bytes + demand.model_bytes,
            flash_bytes: chip.flash.bytes,
            ram_used: needs.iter().map(|need| need.bytes).sum(),
            ram: ram.to_vec(),
            ram_bytes: chip.ram.iter().map(|region| region.bytes).sum(),
        }
    }

    /// Whether everything has its place.
    pub fn fits(&self) -> bool {
        self.flash_short() == 0 && self.ram.iter().all(|placed| placed.region.is_some())
    }

    /// Bytes of flash that are missing.
    pub fn flash_short(&self) -> u64 {
        self.flash_used.saturating_sub(self.flash_bytes)
    }

    /// Bytes of RAM that are missing; where the sum would fit but no region is long enough, the
    /// bytes of what has no place.
    pub fn ram_short(&self) -> u64 {
        let homeless: u64 = self
            .ram
            .iter()
            .filter(|p| p.region.is_none())
            .map(|p| p.need.bytes)
            .sum();
        match self.ram_used.saturating_sub(self.ram_bytes) {
            0 => homeless,
            short => short,
        }
    }
}
