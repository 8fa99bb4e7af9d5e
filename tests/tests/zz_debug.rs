use sla_converter::checkpoint::synth;
use sla_reference::*;
use sla_tests::*;
struct P(Vec<f64>);
impl sla_runtime::Probe for P { fn values(&mut self, _l: usize, op: sla_runtime::Op, v: &[i32], frac: i32) { if op == sla_runtime::Op::Heads { self.0 = v.iter().map(|&v| f64::from(v) * 2f64.powi(-frac)).collect(); } } }
struct T(usize, Vec<f64>);
impl Tap for T { fn tap(&mut self, _l: usize, op: Op, v: &[f64]) {
  if self.0 >= 23 && self.0 < 28 { match op {
    Op::KeyGate | Op::QueryGate => eprintln!("{} {op:?} {:.1e}", self.0, F(v)),
    Op::Read => for (h,c) in v.chunks(8).enumerate() { eprintln!("{} h{h} o {:.1e}", self.0, F(c)); },
    Op::MixerNorm => self.1 = v.to_vec(),
    Op::DecayLogit | Op::Q | Op::K => for (h,c) in v.chunks(6).enumerate() { eprintln!("{} h{h} {op:?} {:.1e}", self.0, F(c)); },
    Op::State => for (h,c) in v.chunks(48).enumerate() { let r: Vec<f64> = c.chunks(8).map(|r| r.iter().fold(0.0, |m: f64, x| m.max(x.abs()))).collect(); eprintln!("{} h{h} S rows {:.1e}", self.0, F(&r)); },
    _ => {} } } } }
#[test]
fn debug() {
    let backbone = Backbone::Gla;
    let sla = Sla { query_gate: Some(QueryGate::Output), key_gate: Some(KeyGate::Key), query_gate_scale: 4.0, key_gate_scale: 1.0, temperature: 1.0, bias: false };
    let config = Config { sla: Some(sla), layers: 1, ..synth::small(backbone) };
    let mut w = synth::weights(&config, 3);
    matrices(&mut w, |m| { m.data.iter_mut().for_each(|x| *x *= 30.0); });
    let case = Case::of(config.clone(), w);
    let stream = Stream::random(&config, 64, 5);
    let Stream::Tokens(ids) = &stream else { panic!() };
    let model = case.file.model(); let mut mem = case.file.memory(); let mut s = mem.session(&model).unwrap();
    let mut f = sla_reference::Session::new(&case.dequantized);
    for (t, &id) in ids.iter().enumerate().take(28) {
        let mut p = P(vec![]); let mut tap = T(t, vec![]);
        f.step_token(id, &mut tap).unwrap(); let _ = s.step_probed(id, &mut p).unwrap();
        if t >= 23 { for h in 0..4 { eprintln!("{t} h{h} float {:.2e}\n       fixed {:.2e}", F(&tap.1[h*8..h*8+8]), F(&p.0[h*8..h*8+8])); } }
    }
}
struct F<'a>(&'a [f64]);
impl std::fmt::LowerExp for F<'_> { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { for x in self.0 { write!(f, "{x:.2e} ")?; } Ok(()) } }
