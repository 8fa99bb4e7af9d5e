//! The serial line as `embedded-io`: what the board's interrupt has received, so that nothing typed
//! is lost while a token is computed; the board's own transmission; and an LED that is lit while
//! the board works and dark while it waits for a byte.

use embedded_io::{ErrorType, Read, ReadReady, Write};

use crate::Lost;

/// What reception gives without waiting: nothing, a byte, or that some were lost.
type Received = Option<Result<u8, Lost>>;

/// A serial line.
pub struct Port<R, W, L> {
    receive: R,
    transmit: W,
    led: L,
    next: Received,
}

impl<R: FnMut() -> Option<Result<u8, Lost>>, W: FnMut(u8), L: FnMut(bool)> Port<R, W, L> {
    /// A line whose received bytes `receive` takes out of where an interrupt put them, which sends
    /// by `transmit`, waiting until the byte is taken, and lights an LED by `led(true)`.
    pub fn new(receive: R, transmit: W, mut led: L) -> Self {
        led(true);
        Self {
            receive,
            transmit,
            led,
            next: None,
        }
    }

    /// Sleeps until there is a byte. With interrupts masked the look and the instruction are one,
    /// and a pending interrupt still ends the sleep (Armv6-M ARM B1.5.19, RISC-V privileged
    /// 3.3.3).
    fn wait(&mut self) -> Result<u8, Lost> {
        loop {
            let received = critical_section::with(|_| {
                let received = (self.receive)();
                if received.is_none() {
                    sleep();
                }
                received
            });
            if let Some(received) = received {
                return received;
            }
        }
    }
}

impl<R, W, L> ErrorType for Port<R, W, L> {
    type Error = Lost;
}

impl<R: FnMut() -> Option<Result<u8, Lost>>, W: FnMut(u8), L: FnMut(bool)> Read for Port<R, W, L> {
    /// Waits for a byte, and takes what else is there. An error is bytes that were lost before
    /// those that are read next.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Lost> {
        let Some((first, rest)) = buffer.split_first_mut() else {
            return Ok(0);
        };
        *first = match self.next.take().or_else(&mut self.receive) {
            Some(received) => received?,
            None => {
                (self.led)(false);
                let received = self.wait();
                (self.led)(true);
                received?
            }
        };
        let mut count = 1;
        for place in rest {
            self.next = (self.receive)();
            let Some(Ok(byte)) = self.next else { break };
            *place = byte;
            self.next = None;
            count += 1;
        }
        Ok(count)
    }
}

impl<R: FnMut() -> Option<Result<u8, Lost>>, W: FnMut(u8), L: FnMut(bool)> ReadReady
    for Port<R, W, L>
{
    fn read_ready(&mut self) -> Result<bool, Lost> {
        self.next = self.next.or_else(&mut self.receive);
        Ok(self.next.is_some())
    }
}

impl<R: FnMut() -> Option<Result<u8, Lost>>, W: FnMut(u8), L: FnMut(bool)> Write for Port<R, W, L> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Lost> {
        bytes.iter().for_each(|&byte| (self.transmit)(byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Lost> {
        Ok(())
    }
}

#[cfg(target_os = "none")]
fn sleep() {
    // SAFETY: waits for an interrupt, and changes nothing.
    unsafe { core::arch::asm!("wfi", options(nostack, preserves_flags)) }
}

/// On the host, where the tests run, nothing interrupts: an empty line is asked again.
#[cfg(not(target_os = "none"))]
fn sleep() {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn bytes_pass_in_order_and_the_led_shows_who_waits() {
        let script = [
            Some(Ok(b'a')),
            Some(Ok(b'b')),
            Some(Ok(b'c')),
            None,
            None,
            Some(Ok(b'd')),
            None,
        ];
        let mut received = script.into_iter();
        let (mut sent, mut led) = (Vec::new(), Vec::new());
        let mut port = Port::new(
            || received.next().flatten(),
            |byte| sent.push(byte),
            |is_lit| led.push(is_lit),
        );
        let mut two = [0; 2];
        // A byte that was looked at comes first, and is not lost.
        assert_eq!((port.read_ready(), port.read_ready()), (Ok(true), Ok(true)));
        assert_eq!((port.read(&mut two), two), (Ok(2), *b"ab"));
        assert_eq!((port.read(&mut two), two), (Ok(1), *b"cb"));
        assert_eq!(
            (port.read(&mut []), port.read(&mut two), two),
            (Ok(0), Ok(1), *b"db")
        );
        assert_eq!(port.read_ready(), Ok(false));
        assert_eq!(port.write_all(b"xyz"), Ok(()));
        drop(port);
        assert_eq!(sent, b"xyz");
        assert_eq!(led, [true, false, true]);
    }

    #[test]
    fn a_loss_is_told_where_it_happened() {
        let script = [
            Some(Ok(b'a')),
            Some(Err(Lost)),
            Some(Ok(b'b')),
            None,
            Some(Err(Lost)),
            Some(Ok(b'c')),
        ];
        let mut received = script.into_iter();
        let mut port = Port::new(|| received.next().flatten(), |_| {}, |_| {});
        let mut four = [0; 4];
        assert_eq!(
            (
                port.read(&mut four),
                port.read_ready(),
                port.read(&mut four)
            ),
            (Ok(1), Ok(true), Err(Lost))
        );
        assert_eq!((port.read(&mut four), four[0]), (Ok(1), b'b'));
        assert_eq!(
            (port.read(&mut four), port.read(&mut four), four[0]),
            (Err(Lost), Ok(1), b'c')
        );
    }
    /// Takes what there is, as a reader does that refuses a line with a loss in it: the lines, then
    /// the rest of one.
    fn lines(port: &mut (impl Read<Error = Lost> + ReadReady)) -> Vec<Result<Vec<u8>, Lost>> {
        let mut lines = std::vec![Ok(Vec::new())];
        while port.read_ready() == Ok(true) {
            let mut byte = [0];
            let read = port.read(&mut byte);
            let line = lines.last_mut().expect("one is begun");
            match (read, line.as_mut(), byte) {
                (Err(e), ..) => *line = Err(e),
                (Ok(_), _, [b'\n']) => lines.push(Ok(Vec::new())),
                (Ok(_), Ok(line), [byte]) => line.push(byte),
                (Ok(_), Err(Lost), _) => {}
            }
        }
        lines
    }

    #[test]
    fn the_line_that_lost_bytes_is_the_one_that_is_told() {
        let ring = crate::Ring::new();
        let typed = |line: &[u8]| line.iter().for_each(|&byte| ring.push(byte));
        let mut port = Port::new(|| ring.pop(), |_| {}, |_| {});
        let (a, b) = ([b'A'; 100], [b'B'; 200]);
        // The reader is busy: B does not fit, and its end is lost with all of C.
        [&a[..], b"\n", &b, b"\n", b"CCCCC\n"]
            .into_iter()
            .for_each(typed);
        assert_eq!(lines(&mut port), [Ok(a.to_vec()), Err(Lost)]);
        // The reader comes while B is typed: what is typed then has room, and C is whole.
        [&a[..], b"\n", &b].into_iter().for_each(typed);
        let mut first = [0; 101];
        assert_eq!((port.read(&mut first), first[100]), (Ok(101), b'\n'));
        [&b"BB\n"[..], b"CCCCC\n"].into_iter().for_each(typed);
        assert_eq!(
            lines(&mut port),
            [Err(Lost), Ok(b"CCCCC".to_vec()), Ok(Vec::new())]
        );
    }
}
