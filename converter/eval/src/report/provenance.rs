//! Where the file comes from, and how to make it and this page again.

use maud::{Markup, html};

use super::subject::Subject;

pub(super) fn section(s: &Subject) -> Markup {
    let ends: Vec<String> = s.model.ends_of_text().map(|id| id.to_string()).collect();
    let lines = s
        .model
        .provenance()
        .lines()
        .filter_map(|line| line.split_once('='));
    html! {
        div.scroll {
            table.text {
                tbody {
                    tr { th scope="row" { "file id (CRC-32)" } td { code { (format!("{:08x}", s.model.id())) } } }
                    tr { th scope="row" { "format version" } td { (sla_format::VERSION) } }
                    @if !ends.is_empty() { tr { th scope="row" { "ends of text" } td { (ends.join(", ")) } } }
                    @for (key, value) in lines { tr { th scope="row" { (key.replace('_', " ")) } td { (value) } } }
                }
            }
        }
        h3 { "To reproduce" }
        pre { code { @for command in s.commands { (command) "\n" } } }
    }
}
