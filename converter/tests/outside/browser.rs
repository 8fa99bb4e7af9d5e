//! The page in a real browser: light and dark, wide and narrow. The screenshots stay in
//! `target/artefacts`.

use std::collections::HashSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_reference::{Backbone, Config, Input, KeyGate, QueryGate, Sla};
use sla_test_models::{self as synth, TempDir};
use sla_tests::material::models;
use sla_tests::needs::{Missing, Tried, program};

use crate::sla;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// Most that one start of the browser may take.
const LIMIT: Duration = Duration::from_secs(90);

fn browser() -> Result<&'static str, Missing> {
    let missing =
        || Missing("no Chromium; `cargo xtask setup` installs it where apt is available".into());
    BROWSERS
        .into_iter()
        .find(|name| program(name, "").is_ok())
        .ok_or_else(missing)
}

/// A page as one of the windows shows it.
struct View<'a> {
    browser: &'a str,
    dir: &'a Path,
    page: &'a str,
    width: u32,
    dark: bool,
}

impl View<'_> {
    /// The page in a frame of this width, whatever the narrowest window of the browser is, and a
    /// script beside it that measures it.
    fn frame(&self, height: u32) -> PathBuf {
        let source = self.page.replace('&', "&amp;").replace('"', "&quot;");
        let html = format!(
            r#"<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><style>*{{margin:0}}iframe{{display:block;border:0;width:{}px;height:{height}px}}</style>
<iframe srcdoc="{source}"></iframe><pre id="result"></pre>
<script>document.querySelector("iframe").onload = event => {{
  const d = event.target.contentDocument, root = d.documentElement, style = d.defaultView.getComputedStyle;
  const out = [...d.querySelectorAll("section, header, svg")].filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 1);
  document.getElementById("result").textContent = JSON.stringify({{ client: root.clientWidth, scroll: root.scrollWidth,
    height: root.scrollHeight, ground: style(d.body).backgroundColor, text: style(d.body).color, outside: out.length,
    flat: [...d.querySelectorAll("svg")].filter(e => !e.closest("details") && e.getBoundingClientRect().height < 5).length }});
}};</script>"#,
            self.width
        );
        let path = self.dir.join("frame.html");
        std::fs::write(&path, html).unwrap();
        path
    }

    fn run(&self, action: &str, (width, height): (u32, u32), path: &Path) -> Vec<u8> {
        let mut command = Command::new(self.browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
        ]);
        command.arg(format!(
            "--user-data-dir={}",
            self.dir.join("profile").display()
        ));
        command.arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!self.dark)
        ));
        command
            .arg(format!("--window-size={width},{height}"))
            .arg(action);
        command.arg(format!("file://{}", path.display()));
        let out = self.dir.join("out");
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(std::fs::File::create(&out).unwrap());
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > LIMIT {
                let _ = child.kill();
                panic!("{} takes more than {LIMIT:?}", self.browser);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        std::fs::read(out).unwrap()
    }

    fn measure(&self) -> Value {
        let dom = self.run("--dump-dom", (1600, 1200), &self.frame(1200));
        let dom = String::from_utf8(dom).unwrap();
        let (_, result) = dom.rsplit_once(r#"<pre id="result">"#).unwrap();
        let (result, _) = result.split_once("</pre>").unwrap();
        serde_json::from_str(result).unwrap_or_else(|e| panic!("{e}: {result}"))
    }

    fn screenshot(&self, height: u32, to: &Path) -> (Vec<u8>, usize) {
        self.run(
            &format!("--screenshot={}", to.display()),
            (self.width, height),
            &self.frame(height),
        );
        let decoder = png::Decoder::new(BufReader::new(std::fs::File::open(to).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert!(
            info.width >= self.width && info.height == height,
            "{info:?}"
        );
        (pixels, info.color_type.samples())
    }
}

/// `rgb(14, 18, 23)` → 18
fn brightness(color: &Value) -> f64 {
    let digits = |c: char| !c.is_ascii_digit();
    let parts: Vec<f64> = color
        .as_str()
        .unwrap()
        .split(digits)
        .filter_map(|n| n.parse().ok())
        .collect();
    parts[..3].iter().sum::<f64>() / 3.0
}

#[track_caller]
fn look(browser: &str, dir: &Path, name: &str, page: &str, views: &[(u32, bool)]) {
    let artefacts = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("artefacts");
    std::fs::create_dir_all(&artefacts).unwrap();
    for &(width, dark) in views {
        let view = View {
            browser,
            dir,
            page,
            width,
            dark,
        };
        let mode = if dark { "dark" } else { "light" };
        let at = view.measure();
        assert_eq!(at["client"], width, "{at}");
        assert_eq!(
            (&at["scroll"], &at["outside"]),
            (&at["client"], &Value::from(0)),
            "{name} at {width}: too wide: {at}"
        );
        assert_eq!(at["flat"], 0, "{name}: a drawing without height: {at}");
        let (ground, text) = (brightness(&at["ground"]), brightness(&at["text"]));
        assert!(
            if dark {
                ground < 40.0 && text > 200.0
            } else {
                ground > 230.0 && text < 60.0
            },
            "{mode}: {at}"
        );

        let height = at["height"].as_u64().unwrap() as u32;
        assert!((1_000..40_000).contains(&height), "{at}");
        // Beyond this a browser may give up.
        let height = height.min(12_000);
        let (pixels, samples) = view.screenshot(
            height,
            &artefacts.join(format!("report-{name}-{width}-{mode}.png")),
        );
        let colors: HashSet<[u8; 3]> = pixels
            .chunks_exact(samples)
            .map(|p| [p[0], p[1], p[2]])
            .collect();
        assert!(
            colors.len() > 100,
            "{name}: a blank page: {} colours",
            colors.len()
        );
        let mean = pixels
            .chunks_exact(samples)
            .map(|p| f64::from(p[0]))
            .sum::<f64>()
            / (pixels.len() / samples) as f64;
        assert!(
            if dark { mean < 70.0 } else { mean > 200.0 },
            "{name}, {mode}: mean brightness {mean}"
        );
    }
}

/// A folder `model` of a model of bytes with both head gates.
fn small_model(dir: &Path) {
    let gates = Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    };
    let small = synth::small(Backbone::GatedDeltaNet);
    let config = Config {
        outputs: 256,
        input: Input::Tokens { vocab: 256 },
        sla: Some(gates),
        ..small
    };
    std::fs::create_dir(dir.join("model")).unwrap();
    synth::write(
        &dir.join("model"),
        &config,
        &synth::weights(&config, 3),
        &synth::Layout::default(),
    )
    .unwrap();
}

/// The page about a checkpoint and the file `text` in `dir`.
fn page(dir: &Path, checkpoint: &str) -> String {
    sla(dir, &format!("convert {checkpoint} -o m.sla"));
    sla(
        dir,
        &format!("eval m.sla --checkpoint {checkpoint} --text text --report page.html"),
    );
    std::fs::read_to_string(dir.join("page.html")).unwrap()
}

pub fn the_page_looks_right_in_a_browser() -> Tried {
    let (browser, dir) = (browser()?, TempDir::new());
    let dir = dir.path();
    small_model(dir);
    std::fs::write(
        dir.join("text"),
        "To be, or not to be: that is the question. ".repeat(12),
    )
    .unwrap();
    look(
        browser,
        dir,
        "small",
        &page(dir, "model"),
        &[(1400, true), (400, false)],
    );

    let text = std::fs::read(models().join("demo.txt")).unwrap();
    std::fs::write(dir.join("text"), &text[..text.len().min(2_048)]).unwrap();
    let page = page(dir, models().join("shakespeare-sla-gla").to_str().unwrap());
    look(
        browser,
        dir,
        "shakespeare",
        &page,
        &[(1400, false), (1400, true), (400, false), (400, true)],
    );
    Ok(())
}
