use sla_converter::{checkpoint, lower::*, write::*, dequantize::dequantize};
use sla_reference as r;
fn main() {
    for dir in std::env::args().skip(1) {
        let dir = std::path::PathBuf::from(dir);
        let ck = checkpoint::load(&dir).unwrap();
        for w in &ck.warnings { println!("warn {w}"); }
        let model = r::Model::new(ck.config.clone(), ck.weights.clone()).unwrap();
        let d = describe(&ck.config, 16, None, None);
        let t = lower(&ck.config, &ck.weights, &d, &mut |_| ()).unwrap();
        let f = (30 - exponent_above(t.residual_bound)).min(24);
        let d = describe(&ck.config, f, None, None);
        let t = lower(&ck.config, &ck.weights, &d, &mut |_| ()).unwrap();
        let file = write(&d, &t.tensors, &Extras::default()).unwrap();
        let mut buf = vec![0u128; file.len().div_ceil(16)];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut buf);
        bytes[..file.len()].copy_from_slice(&file);
        let m = sla_runtime::Model::parse(&bytes[..file.len()]).unwrap();
        let dq = r::Model::new(ck.config.clone(), dequantize(&m, &ck).unwrap()).unwrap();
        let p = *m.plan();
        let (mut st, mut sc) = (vec![0; p.state_words], vec![0; p.scratch_words]);
        let mut s = sla_runtime::Session::new(&m, &mut st, &mut sc).unwrap();
        let mut a = r::Session::new(&model);
        let mut b = r::Session::new(&dq);
        let n: usize = std::env::var("N").map_or(192, |n| n.parse().unwrap());
        let mut seed = 1u32;
        let text = std::fs::read("/work/shared/data/tinyshakespeare.txt").unwrap();
        let text = &text[text.len() - 48 * 1024..];
        let (mut e1, mut e2, mut e3, mut p2) = (0.0, 0.0, 0.0, 0.0);
        let (mut kl, mut kld, mut top, mut cnt) = (0.0, 0.0, 0.0, 0.0);
        let sm = |l: &[f64]| { let m = l.iter().cloned().fold(f64::MIN, f64::max); let e: Vec<f64> = l.iter().map(|x| (x - m).exp()).collect(); let s: f64 = e.iter().sum(); e.iter().map(|x| x / s).collect::<Vec<_>>() };
        let klf = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| if *p > 0.0 { p * (p / q.max(1e-300)).ln() } else { 0.0 }).sum::<f64>();
        for i in 0..n {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            let tok = if ck.config.outputs == 256 { text[i] as u32 } else { (seed >> 8) % ck.config.outputs as u32 };
            let (x, y, z): (Vec<f64>, Vec<f64>, Vec<f64>);
            let mut out = vec![sla_runtime::I16F16::ZERO; ck.config.outputs];
            match &ck.config.input {
                r::Input::Tokens { .. } => {
                    x = a.step_token(tok, &mut ()).unwrap().to_vec();
                    y = b.step_token(tok, &mut ()).unwrap().to_vec();
                    s.step(tok).unwrap().write(&mut out);
                }
                r::Input::Features { mean, std, .. } => {
                    let fr: Vec<f64> = mean.iter().zip(std).map(|(m, s)| m + s * (((i * 37) % 17) as f64 / 8.0 - 1.0)).collect();
                    x = a.step_features(&fr, &mut ()).unwrap().to_vec();
                    y = b.step_features(&fr, &mut ()).unwrap().to_vec();
                    let fi: Vec<i32> = fr.iter().map(|x| (x * (d.feature_frac as f64).exp2()).round() as i32).collect();
                    s.step_features(&fi).unwrap().write(&mut out);
                }
            }
            z = out.iter().map(|v| v.to_num::<f64>()).collect();
            for k in 0..x.len() { e1 += (x[k] - z[k]).powi(2); e2 += (y[k] - z[k]).powi(2); e3 += (x[k] - y[k]).powi(2); p2 += x[k] * x[k]; }
            let (px, py, pz) = (sm(&x), sm(&y), sm(&z));
            kl += klf(&px, &pz); kld += klf(&py, &pz); cnt += 1.0;
            let am = |v: &[f64]| v.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            top += (am(&x) == am(&z)) as u8 as f64;
        }
        println!("{:28} fx {f:2} bound {:.2e} float-fixed {:.5} dequant-fixed {:.6} weights {:.5} kl {:.2e} kl_dq {:.2e} top1 {:.4} file {} state {} scratch {}", dir.file_name().unwrap().to_string_lossy(), t.residual_bound, (e1 / p2 as f64).sqrt(), (e2 / p2).sqrt(), (e3 / p2).sqrt(), kl / cnt, kld / cnt, top / cnt, file.len(), p.state_bytes(), p.scratch_bytes());
    }
}
