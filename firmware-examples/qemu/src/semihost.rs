//! Semihosting: the host's standard output and standard error, its command line, and its exit code.

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, Ordering};

use semihosting::fd::BorrowedFd;
use semihosting::sys::arm_compat::{OpenMode, sys_get_cmdline_uninit, sys_open};

/// Where bytes go on the host.
#[derive(Clone, Copy)]
pub enum Channel {
    /// Standard output: text and result lines.
    Output,
    /// Standard error: log frames.
    Log,
}

const CLOSED: i32 = -1;
static OUTPUT: AtomicI32 = AtomicI32::new(CLOSED);
static LOG: AtomicI32 = AtomicI32::new(CLOSED);

/// Writes `bytes`. A host that takes none of them ends the attempt: there is nobody to tell.
#[inline(never)]
pub fn write(channel: Channel, bytes: &[u8]) {
    let Some(handle) = handle(channel) else {
        return;
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        match semihosting::sys::write(handle, rest) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            _ => return,
        }
    }
}

fn handle(channel: Channel) -> Option<BorrowedFd<'static>> {
    let (cell, mode) = match channel {
        Channel::Output => (&OUTPUT, OpenMode::WRONLY_TRUNC),
        Channel::Log => (&LOG, OpenMode::WRONLY_APPEND),
    };
    if cell.load(Ordering::Relaxed) == CLOSED {
        cell.store(
            sys_open(c":tt", mode).ok()?.into_raw_fd(),
            Ordering::Relaxed,
        );
    }
    // SAFETY: the handle was opened above and nothing closes it.
    Some(unsafe { BorrowedFd::borrow_raw(cell.load(Ordering::Relaxed)) })
}

/// A file of the host, read from its start.
pub struct Input(i32);

impl Input {
    /// Opens `path`; `None` if the host does not.
    #[must_use]
    pub fn open(path: &CStr) -> Option<Self> {
        Some(Self(
            sys_open(path, OpenMode::RDONLY_BINARY).ok()?.into_raw_fd(),
        ))
    }

    /// Fills `buffer`, or what of it the file still has; returns the filled length.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            // SAFETY: the handle was opened in `open` and is closed only in `drop`.
            match semihosting::sys::read(unsafe { BorrowedFd::borrow_raw(self.0) }, rest) {
                Ok(read) if read > 0 => len += read,
                _ => break,
            }
        }
        len
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own. A host that cannot close it leaves it open.
        let _ = unsafe { semihosting::sys::close(self.0) };
    }
}

/// The host's command line: the image's path, then what `-append` gave.
pub fn command_line(buffer: &mut [u8]) -> &[u8] {
    // SAFETY: the call writes only initialised bytes, so the buffer stays initialised.
    let buffer = unsafe { &mut *(core::ptr::from_mut::<[u8]>(buffer) as *mut [MaybeUninit<u8>]) };
    match sys_get_cmdline_uninit(buffer) {
        Ok(text) => text,
        Err(_) => &[],
    }
}

/// Ends the emulator with `code`.
pub fn exit(code: u8) -> ! {
    semihosting::process::exit(i32::from(code))
}
