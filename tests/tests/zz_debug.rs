use sla_reference::*;
use sla_converter::eval::*;
use sla_tests::*;
#[path = "options.rs"]
mod options;
struct P(Vec<f64>);
impl sla_runtime::Probe for P { fn values(&mut self, l: usize, op: sla_runtime::Op, v: &[i32], frac: i32) { if l == 0 && op == sla_runtime::Op::Heads { self.0 = v.iter().map(|&v| f64::from(v) * 2f64.powi(-frac)).collect(); } } }
#[derive(Default)]
struct T(std::collections::HashMap<String, Vec<f64>>);
impl Tap for T { fn tap(&mut self, l: usize, op: Op, v: &[f64]) { if l == 0 { self.0.insert(format!("{op:?}"), v.to_vec()); } } }
fn rms(x: &[f64]) -> f64 { (x.iter().map(|x| x*x).sum::<f64>() / x.len() as f64).sqrt() }
#[test]
fn debug() {
  for seed in [433u64, 666] {
    let (config, mut w) = options::wild(seed);
    for l in &mut w.layers { l.o_norm = None; }
    let case = Case::of(config.clone(), w);
    let stream = Stream::random(&config, 64, seed);
    let rows = match &stream { Stream::Tokens(ids) => Rows::Tokens(vec![TokenRow { ids: ids.clone(), targets: None }]),
      Stream::Frames(f) => Rows::Features(vec![FeatureRow { frames: f.clone(), label: None }]) };
        let c = compare_all(&case.float, &case.dequantized, &case.file.model(), &rows, &mut |_| {}).unwrap();
        eprintln!("{seed} {config:?} {:.1?} input {:?}", c.dequantized.layers, c.dequantized.input_snr);
    let model = case.file.model(); let mut mem = case.file.memory(); let mut s = mem.session(&model).unwrap();
    let mut f = sla_reference::Session::new(&case.dequantized);
    let (Stream::Tokens(ids)) = &stream else { continue };
    for (t, &id) in ids.iter().enumerate().take(64) {
        let mut p = P(vec![]); let mut tap = T::default();
        f.step_token(id, &mut tap).unwrap(); let _ = s.step_probed(id, &mut p).unwrap();
        if t % 20 == 15 { for (k, v) in &tap.0 { eprintln!("{t} {k} rms {:.2e}", rms(v)); }
          let y = &tap.0["MixerNorm"]; let d = config.d_v; 
          let k: f64 = y.iter().zip(&p.0).map(|(a,b)| a*b).sum::<f64>() / p.0.iter().map(|b| b*b).sum::<f64>();
          for h in 0..config.value_heads { let (a, b) = (&y[h*d..h*d+d], &p.0[h*d..h*d+d]); let e: Vec<f64> = a.iter().zip(b).map(|(a,b)| a-k*b).collect();
             eprintln!("{t} head {h} y {:.2e} err {:.2e} o {:.2e} gq {:.2e} q {:.2e} k {:.2e}", rms(a), rms(&e), rms(&tap.0["Read"][h*d..h*d+d]), tap.0.get("QueryGate").map_or(0.0, |g| g[h]), rms(&tap.0["QProj"][h*4..h*4+4]), rms(&tap.0["K"][h*4..h*4+4])); }
        }
    }
  }
}
