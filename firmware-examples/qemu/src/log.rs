//! Log frames. Without the `defmt` feature the macros vanish; with it the frames go out on the
//! host's standard error, where `cargo xtask qemu --log` decodes them, while text stays on standard
//! output.

#[cfg(feature = "defmt")]
mod channel {
    use core::cell::UnsafeCell;

    use crate::semihost::{Channel, write};

    struct Encoder(UnsafeCell<defmt::Encoder>);

    // SAFETY: these images run on one core and enable no interrupt, so nothing runs beside the
    // thread that logs.
    unsafe impl Sync for Encoder {}

    static ENCODER: Encoder = Encoder(UnsafeCell::new(defmt::Encoder::new()));

    #[defmt::global_logger]
    struct Semihosting;

    fn with_encoder(work: impl FnOnce(&mut defmt::Encoder)) {
        // SAFETY: see `Sync` above; defmt calls never nest, because writing a frame logs nothing.
        work(unsafe { &mut *ENCODER.0.get() });
    }

    fn send(bytes: &[u8]) {
        write(Channel::Log, bytes);
    }

    // SAFETY: acquire and release are no-ops but for the frame marks: there is no second context
    // (see `Encoder`).
    unsafe impl defmt::Logger for Semihosting {
        fn acquire() {
            with_encoder(|encoder| encoder.start_frame(send));
        }

        unsafe fn flush() {}

        unsafe fn release() {
            with_encoder(|encoder| encoder.end_frame(send));
        }

        unsafe fn write(bytes: &[u8]) {
            with_encoder(|encoder| encoder.write(bytes, send));
        }
    }
}

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt;

/// Logs at level info.
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => {
        {
            #[cfg(feature = "defmt")]
            $crate::log::defmt::info!($($argument)*);
        }
    };
}
