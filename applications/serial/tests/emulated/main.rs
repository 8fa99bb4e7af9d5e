//! The shell on an emulated machine.

#[cfg(unix)]
#[path = "../serial/line.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod line;
#[cfg(unix)]
mod person;

#[cfg(unix)]
sla_tests::tests![
    a_person_talks_to_the_machine,
    the_hosts_text_is_that_of_sla_run
];

#[cfg(unix)]
use person::{a_person_talks_to_the_machine, the_hosts_text_is_that_of_sla_run};

#[cfg(not(unix))]
sla_tests::tests![a_person_talks_to_the_machine];

#[cfg(not(unix))]
fn a_person_talks_to_the_machine() -> sla_tests::needs::Tried {
    Err(sla_tests::needs::Missing(
        "pseudo-terminals are Unix's".into(),
    ))
}
