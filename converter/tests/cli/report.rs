//! The page of `sla eval --report`: well-formed, closed in itself, with the figures of `--json`.

use roxmltree::{Document, Node};
use serde_json::Value;
use sla_reference::{Backbone, Config, KeyGate, Sla};
use sla_test_models as synth;

use crate::data_files::{Tensor, Values, ids, safetensors};
use crate::{Case, bytes_config, features_config, wide_config};

/// A page with the figures that the same command printed.
pub(crate) struct Page {
    pub(crate) html: String,
    /// The page as XML: the strictest reading of its markup.
    xml: String,
    json: Value,
}

/// XML has neither the doctype nor elements without an end.
fn xml(html: &str) -> String {
    let (head, body) = html.split_once("<title>").unwrap();
    let head = head
        .strip_prefix("<!DOCTYPE html>")
        .unwrap()
        .replace("\">", "\"/>")
        .replace("lang=\"en\"/>", "lang=\"en\">");
    format!("{head}<title>{body}")
}

/// Descendants that match a path of `tag`, `.class` and `#id`.
fn find<'n, 'x>(from: Node<'n, 'x>, path: &str) -> Vec<Node<'n, 'x>> {
    let matches = |node: &Node, step: &str| match (step.strip_prefix('#'), step.strip_prefix('.')) {
        (Some(id), _) => node.attribute("id") == Some(id),
        (_, Some(class)) => node
            .attribute("class")
            .is_some_and(|all| all.split(' ').any(|c| c == class)),
        _ => node.tag_name().name() == step,
    };
    let mut found = vec![from];
    for step in path.split(' ') {
        let inside = |n: Node<'n, 'x>| {
            n.descendants()
                .skip(1)
                .filter(|d| d.is_element() && matches(d, step))
        };
        let mut next: Vec<Node> = found.iter().flat_map(|n| inside(*n)).collect();
        next.dedup();
        found = next;
    }
    found
}

fn text(node: Node) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|n| n.text())
        .collect()
}

impl Page {
    /// Runs `sla eval m.sla --checkpoint model` with these options.
    #[track_caller]
    pub(crate) fn of(case: &Case, options: &str) -> Self {
        let json = case
            .sla(&format!(
                "eval m.sla --checkpoint model {options} --report page.html --json"
            ))
            .json();
        let html = std::fs::read_to_string(case.file("page.html")).unwrap();
        Self {
            xml: xml(&html),
            html,
            json,
        }
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let document = Document::parse(&self.xml).unwrap();
        find(document.root(), path).into_iter().map(text).collect()
    }

    #[track_caller]
    fn check(&self) {
        assert!(self.html.len() < 500_000, "{} bytes", self.html.len());
        let document = Document::parse(&self.xml).unwrap();
        for element in document.descendants().filter(Node::is_element) {
            // Nothing is fetched, nothing runs.
            let tag = element.tag_name().name();
            assert!(
                ![
                    "script", "link", "img", "image", "iframe", "object", "embed", "base", "form"
                ]
                .contains(&tag),
                "<{tag}>"
            );
            for attribute in element.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(
                    !name.starts_with("on") && (name != "href" || value.starts_with('#')),
                    "{name}={value}"
                );
                assert!(
                    !value.contains("url(") && !value.contains("NaN") && !value.contains("inf"),
                    "{name}={value}"
                );
            }
        }
        let body = self.texts("body").concat();
        for word in body.split(|c: char| !c.is_alphanumeric()) {
            assert!(
                !["NaN", "inf", "null", "None", "undefined"].contains(&word),
                "{word}"
            );
        }
        self.check_figures(&document);
        self.check_structure(&document);
    }

    /// Every figure that names its place in the JSON report is the one that stands there, and reads
    /// like it.
    #[track_caller]
    fn check_figures(&self, document: &Document) {
        let mut seen = 0;
        for data in find(document.root(), "data") {
            let (pointer, value) = (
                data.attribute("data-json").unwrap(),
                data.attribute("value").unwrap(),
            );
            let (value, shown): (f64, String) = (value.parse().unwrap(), text(data));
            assert_eq!(
                self.json.pointer(pointer).and_then(Value::as_f64),
                Some(value),
                "{pointer}"
            );
            let plain = shown.replace([',', '+', ' '], "").replace('−', "-");
            let (digits, share) = match plain.strip_suffix('%') {
                Some(digits) => (digits.to_string(), 0.01),
                None => (plain, 1.0),
            };
            let read: f64 = digits
                .parse()
                .unwrap_or_else(|_| panic!("{pointer}: {shown}"));
            let mantissa = digits.split('e').next().unwrap();
            let decimals = mantissa
                .split_once('.')
                .map_or(0, |(_, after)| after.len() as i32);
            let exponent: i32 = digits
                .split_once('e')
                .map_or(0, |(_, e)| e.parse().unwrap());
            let unit = share * 10f64.powi(exponent - decimals);
            // The verdict gives a ratio as a change.
            let of = if pointer == "/ppl_ratio" && shown.contains('%') {
                value - 1.0
            } else {
                value
            };
            assert!(
                (read * share - of).abs() <= 0.5001 * unit,
                "{pointer}: {shown} is not {of}"
            );
            seen += 1;
        }
        assert!(seen >= 15, "{seen} figures");
    }

    #[track_caller]
    fn check_structure(&self, document: &Document) {
        let titles = self.texts("section h2");
        let expected = [
            "Where quality is lost",
            "Errors of the logits",
            "Heads over the text",
            "Weights",
            "Activations",
            "Memory",
            "Provenance",
        ];
        assert_eq!(titles, expected);
        let layers = self.json["layers"].as_array().unwrap();
        // One row a layer and one for the input in each heat map; the residual's cells are those of
        // the JSON report.
        let maps = find(document.root(), "#quality .pair table");
        assert_eq!(maps.len(), 2);
        for (table, json) in maps.iter().zip([&self.json, &self.json["dequantized"]]) {
            let rows = find(*table, "tbody tr");
            let last: Vec<String> = rows
                .iter()
                .map(|row| text(*find(*row, "td").last().unwrap()))
                .collect();
            assert_eq!(last.len(), layers.len() + 1);
            for (cell, layer) in last[1..].iter().zip(json["layers"].as_array().unwrap()) {
                let expected = layer["residual"]
                    .as_f64()
                    .map_or("exact".into(), |db| format!("{db:.1}"));
                assert_eq!(*cell, expected);
            }
        }
        // Every drawing says what it shows, and draws something.
        let mut drawings = 0;
        for svg in find(document.root(), "svg") {
            for part in ["title", "desc"] {
                let text: String = find(svg, part).into_iter().map(text).collect();
                assert!(text.len() > 5, "<{part}> is {text:?}");
            }
            assert!(!find(svg, "path").is_empty() && svg.attribute("role") == Some("img"));
            drawings += 1;
        }
        assert!(drawings >= 8, "{drawings} drawings");
    }

    /// The list under the bar of a memory adds up.
    #[track_caller]
    fn memory(&self, index: usize) -> u64 {
        let document = Document::parse(&self.xml).unwrap();
        let list = find(document.root(), "#memory .parts")[index];
        find(list, "b")
            .into_iter()
            .map(|b| text(b).replace(',', "").parse::<u64>().unwrap())
            .sum()
    }
}

#[test]
fn a_page_for_every_kind_of_model() {
    let text = "To be, or not to be: that is the question. ".repeat(12);
    let gated = |backbone| ("text", bytes_config(backbone), "");
    // More gates than a page has room for.
    let large = Config {
        layers: 24,
        heads: 16,
        kv_heads: 16,
        value_heads: 16,
        ..bytes_config(Backbone::Gla)
    };
    let plain = ("ids", synth::small(Backbone::Gla), "");
    let tied = (
        "ids",
        Config {
            tied: true,
            ..synth::small(Backbone::RetNet)
        },
        "--state int16",
    );
    let read_only = Sla {
        key_gate: KeyGate::None,
        ..bytes_config(Backbone::Gla).sla.unwrap()
    };
    let read_only = (
        "text",
        Config {
            sla: Some(read_only),
            ..bytes_config(Backbone::Gla)
        },
        "",
    );
    let cases = [
        gated(Backbone::RetNet),
        gated(Backbone::GatedDeltaNet),
        read_only,
        ("text", wide_config(), "--weights int4"),
        ("text", large, ""),
        plain,
        tied,
    ];
    for (kind, config, options) in cases {
        let case = Case::new(&config);
        case.sla(&format!("convert model -o m.sla {options}")).ok();
        case.write("text", &text);
        case.write(
            "ids.safetensors",
            ids(&(0..50).map(|t| 7 * t % 30).collect::<Vec<i32>>()),
        );
        let page = Page::of(
            &case,
            if kind == "text" {
                "--text text"
            } else {
                "--tokens ids.safetensors"
            },
        );
        page.check();
        let inspect = case.sla("inspect m.sla --json").json();
        let sizes = ["flash_bytes", "state_bytes", "scratch_bytes"]
            .map(|key| inspect[key].as_u64().unwrap());
        assert_eq!([0, 1, 2].map(|i| page.memory(i)), sizes);
        let gates = page.texts("#gates").concat();
        match &config.sla {
            None => assert!(gates.contains("no softmax over its heads"), "{gates}"),
            Some(sla) => {
                let drawn = page.texts("#gates .gates").len();
                assert!(
                    drawn == config.layers || (config.layers == 24 && drawn == 8),
                    "{drawn}"
                );
                assert!(gates.contains("read gate"));
                assert_eq!(gates.contains("write gate"), sla.key_gate != KeyGate::None);
                // The text stands under the gates.
                assert!(
                    page.texts("#gates svg text")
                        .concat()
                        .contains("To·be,·or·not"),
                    "{gates}"
                );
            }
        }
        assert!(
            page.texts(".verdict")
                .concat()
                .contains(if options.contains("int4") {
                    "int4"
                } else {
                    "int8"
                })
        );
        let command = format!(
            "sla convert model -o m.sla{}{options}",
            if options.is_empty() { "" } else { " " }
        );
        assert!(
            page.texts("#provenance pre").concat().contains(&command),
            "{command}"
        );
    }
}

#[test]
fn a_page_for_clips() {
    let config = Config {
        sla: bytes_config(Backbone::Gla).sla,
        ..features_config()
    };
    let case = Case::converted(&config);
    let clip = |name, frames: usize| {
        let values = (0..3 * frames)
            .map(|i| (i as f32 * 0.7).sin() * 3.0)
            .collect();
        Tensor(name, vec![frames, 3], Values::F32(values))
    };
    let labels = Tensor("labels", vec![2], Values::I32(vec![0, 1]));
    case.write(
        "clips.safetensors",
        safetensors(&[clip("features.0", 44), clip("features.1", 6), labels]),
    );
    let page = Page::of(&case, "--tokens clips.safetensors");
    page.check();
    assert!(
        page.texts(".verdict")
            .concat()
            .contains("of 2 clips keep their label")
    );
    assert!(
        page.texts("#gates")
            .concat()
            .contains("The first clip, 44 positions")
    );
}

#[test]
fn nothing_hostile_becomes_markup() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    // A source of the same length that is markup, and text that is.
    let mut file = std::fs::read(case.file("m.sla")).unwrap();
    let hostile = b"source=<script>alert(1)</script><i x='\"&";
    let at = file.windows(7).position(|w| w == b"source=").unwrap();
    file[at..at + hostile.len()].copy_from_slice(hostile);
    sla_format::seal(&mut file);
    std::fs::write(case.file("<img src=x onerror=alert(1)>.sla"), &file).unwrap();
    case.write(
        "text",
        "</svg><script>alert(2)</script><!-- & \"quoted\" \u{0}\u{1b}]]>",
    );
    let arguments = [
        "eval",
        "<img src=x onerror=alert(1)>.sla",
        "--checkpoint",
        "model",
        "--text",
        "text",
        "--report",
        "page.html",
    ];
    crate::sla(case.path(), &arguments).ok();
    let html = std::fs::read_to_string(case.file("page.html")).unwrap();
    let page = xml(&html);
    let document = Document::parse(&page).unwrap();
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name().name();
        assert!(
            !["script", "img"].contains(&tag)
                && element.attribute("x").is_none_or(|_| tag == "text"),
            "<{tag}>"
        );
    }
    let text = text(document.root());
    assert!(
        text.contains("<script>alert(1)</script>") && text.contains("<img src=x onerror"),
        "the text is lost"
    );
}

#[test]
fn a_page_never_replaces_an_input_and_is_whole_or_not_there() {
    let case = Case::converted(&bytes_config(Backbone::RetNet));
    case.write("text", "some text");
    let before = case.list();
    let eval = |rest: &str| {
        case.sla(&format!(
            "eval m.sla --checkpoint model --text text --report {rest}"
        ))
    };
    for (output, part) in [
        ("m.sla", "is read by this command"),
        ("text", "is read by this command"),
        ("model/config.json", "is read by this command"),
        ("model", "is a folder"),
        ("absent/page.html", "no such folder"),
    ] {
        let error = eval(output).error(1);
        assert!(error.contains(part), "{error}");
    }
    let error = eval("page.html --stream 20").error(2);
    assert!(error.contains("--stream"), "{error}");
    // The evaluation fails: no page.
    case.sla("eval m.sla --checkpoint model --text nowhere --report page.html")
        .error(1);
    assert_eq!(before, case.list());
}
