//! debug
fn main() {
    for dir in std::env::args().skip(1) {
        let ck = sla_converter::checkpoint::load(std::path::Path::new(&dir)).unwrap();
        let t = std::time::Instant::now();
        let c = sla_converter::convert(&ck, &Default::default(), &mut |_, _| ()).unwrap();
        println!("{dir} {:?}", t.elapsed());
        for (k, v) in c.summary { println!("   {k}: {v}"); }
        let name = std::path::Path::new(&dir).file_name().unwrap().to_string_lossy().into_owned();
        std::fs::write(format!("/tmp/sla/{name}.sla"), c.file).unwrap();
    }
}
