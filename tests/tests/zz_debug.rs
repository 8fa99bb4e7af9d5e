use sla_converter::checkpoint::synth;
use sla_reference::*;
use sla_tests::*;
use sla_converter::eval::*;
#[test]
fn debug() {
    let backbone = Backbone::Gla;
    let sla = Sla { query_gate: Some(QueryGate::Output), key_gate: Some(KeyGate::Key), query_gate_scale: 4.0, key_gate_scale: 1.0, temperature: 1.0, bias: false };
    let config = Config { sla: Some(sla), layers: 1, ..synth::small(backbone) };
    for which in 0..10 {
    let mut w = synth::weights(&config, 3);
    let mut i = 0;
    matrices(&mut w, |m| { if which == 0 || i == which { m.data.iter_mut().for_each(|x| *x *= 30.0); } i += 1; });
    let l = &mut w.layers[0];
    match which { 7 => { for m in [&mut l.gk0, &mut l.gk1] { m.as_mut().unwrap().data.iter_mut().for_each(|x| *x *= 30.0); } }
      8 => { for m in [&mut l.query_gate, &mut l.key_gate] { m.as_mut().unwrap().data.iter_mut().for_each(|x| *x *= 30.0); } } _ => {} }
    let case = Case::of(config.clone(), w);
    let stream = Stream::random(&config, 64, 5);
    let d = case.drift(&stream); let s = case.sensitivity(&stream);
    eprintln!("{which} {:.2e} {:.2e} {:?}", d.arithmetic, s, case.warnings);
    if which == 0 {
        let Stream::Tokens(ids) = &stream else { panic!() };
        let rows = Rows::Tokens(vec![TokenRow { ids: ids.clone(), targets: None }]);
        let c = compare_all(&case.float, &case.dequantized, &case.file.model(), &rows, &mut |_| {}).unwrap();
        eprintln!("{:?}", c.dequantized);
        let fx = case.fixed(&stream); let fl = stream.float(&case.dequantized);
        for t in 0..64 { eprint!("{:.1e} ", relative_rms(&fl[t..t+1], &fx[t..t+1])); }
        eprintln!("\n{:?}", &fl[0][..8]);
        eprintln!("{}", case.file.model().provenance());
    }
    }
}
