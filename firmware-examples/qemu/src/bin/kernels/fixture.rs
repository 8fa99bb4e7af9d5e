//! What a case works with: memory with deterministic contents, and the counter.

use bytemuck::Pod;
use sla_kernels::conformance::Draw;

use qemu::stack;

/// Memory and counter of one case.
pub(crate) struct Fixture<'a> {
    rest: &'a mut [u32],
    count: &'a dyn Fn(&mut dyn FnMut()) -> u32,
    draw: Draw,
}

impl<'a> Fixture<'a> {
    /// A fixture with all of `words` and the draws from their start.
    pub fn new(words: &'a mut [u32], count: &'a dyn Fn(&mut dyn FnMut()) -> u32) -> Self {
        Self {
            rest: words,
            count,
            draw: Draw::default(),
        }
    }

    /// `len` elements of what `next` draws; `None` if this machine has not that much memory.
    pub fn fill<T: Pod>(
        &mut self,
        len: usize,
        mut next: impl FnMut(&mut Draw) -> T,
    ) -> Option<&'a mut [T]> {
        let words = (len * size_of::<T>()).div_ceil(4);
        let (taken, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(words)?;
        self.rest = rest;
        let taken = bytemuck::try_cast_slice_mut(taken).ok()?.get_mut(..len)?;
        taken.iter_mut().for_each(|x| *x = next(&mut self.draw));
        Some(taken)
    }

    /// `len` values in ±limit.
    pub fn within(&mut self, len: usize, limit: i32) -> Option<&'a mut [i32]> {
        self.fill(len, |draw| draw.within(limit, false))
    }

    /// `len` values in ±limit, which is an int16.
    pub fn shorts(&mut self, len: usize, limit: i16) -> Option<&'a mut [i16]> {
        self.fill(len, |draw| draw.within(limit.into(), false) as i16)
    }

    /// Room for `len` results.
    pub fn room<T: Pod>(&mut self, len: usize) -> Option<&'a mut [T]> {
        self.fill(len, |_| T::zeroed())
    }

    /// `Some` if `bytes` of stack are free.
    pub fn has_stack(&self, bytes: usize) -> Option<()> {
        (stack::free_bytes() >= bytes).then_some(())
    }

    /// Instructions of `work`.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the last word of every case, beside others that can fail"
    )]
    pub fn count(&self, mut work: impl FnMut()) -> Option<u32> {
        Some((self.count)(&mut work))
    }
}
