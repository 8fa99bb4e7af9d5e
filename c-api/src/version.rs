//! The version of header and library, and whether they belong together.

use crate::sla_status;

/// Version of this header: breaking changes.
pub const SLA_VERSION_MAJOR: u32 = 0;
/// Version of this header: additions, and while the major number is 0 breaking changes too.
pub const SLA_VERSION_MINOR: u32 = 2;
/// Version of this header: mends.
pub const SLA_VERSION_PATCH: u32 = 0;
/// Version of this header as one number, major * 65536 + minor * 256 + patch.
pub const SLA_VERSION_NUMBER: u32 = 0x000200;

/// Version of the library that is linked, as `SLA_VERSION_NUMBER` counts.
#[unsafe(no_mangle)]
pub extern "C" fn sla_version() -> u32 {
    SLA_VERSION_NUMBER
}

/// Whether a program that was compiled with the header of version `header` can call this library:
/// `sla_check_version(SLA_VERSION_NUMBER)` is `SLA_OK`, or `SLA_HEADER` if the two do not belong
/// together. They do if the major numbers are equal, and the library's minor number is the header's
/// or, from 1.0 on, a later one. A program calls this once, before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn sla_check_version(header: u32) -> sla_status {
    check(header, SLA_VERSION_NUMBER)
}

const fn check(header: u32, library: u32) -> sla_status {
    let (header, library) = (header >> 8, library >> 8); // major and minor
    let belong = if library >> 8 == 0 {
        header == library
    } else {
        header >> 8 == library >> 8 && header <= library
    };
    if belong {
        sla_status::SLA_OK
    } else {
        sla_status::SLA_HEADER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_packages() {
        let of = |part: &str| part.parse::<u32>().expect("a number");
        let (major, minor, patch) = (
            of(env!("CARGO_PKG_VERSION_MAJOR")),
            of(env!("CARGO_PKG_VERSION_MINOR")),
            of(env!("CARGO_PKG_VERSION_PATCH")),
        );
        let header = (SLA_VERSION_MAJOR, SLA_VERSION_MINOR, SLA_VERSION_PATCH);
        assert_eq!(header, (major, minor, patch));
        assert_eq!(SLA_VERSION_NUMBER, major << 16 | minor << 8 | patch);
    }

    #[test]
    fn versions_belong_together() {
        for (header, library, belong) in [
            (0x000200, 0x000200, true),
            (0x000207, 0x000200, true),
            (0x000100, 0x000200, false),
            (0x000300, 0x000200, false),
            (0x010200, 0x000200, false),
            (0x010200, 0x010200, true),
            (0x010200, 0x010305, true),
            (0x010400, 0x010305, false),
            (0x010200, 0x020200, false),
            (0x020200, 0x010200, false),
            (0, 0x000200, false),
        ] {
            let status = check(header, library);
            assert_eq!(
                status == sla_status::SLA_OK,
                belong,
                "{header:#x} {library:#x}"
            );
            assert!(belong || status == sla_status::SLA_HEADER);
        }
    }
}
