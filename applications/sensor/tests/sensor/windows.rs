//! Windows of the fake sensor: what is given is always what was measured, in one piece, whatever
//! fails.

use std::cell::RefCell;
use std::rc::Rc;

use crate::chip::{Chip, FakeI2c, FakeSpi, Fault, number_of};
use sla_sensor::{
    Bus, Config, DeviceError, FeatureSource, I2cBus, Lis3dh, Range, Rate, Settings, SpiBus,
    Trouble, Windows,
};

const WINDOW: usize = 4;
const HOP: u32 = 3;
const CONFIG: Config = Config {
    rate: Rate::Hz100,
    range: Range::G2,
    retries: 2,
};
const SETTINGS: Settings = Settings {
    hop: HOP,
    stuck: 8,
    patience: 5,
};

type Source<B> = Windows<Lis3dh<B>, 3, WINDOW>;
type Given = Result<Option<Vec<u32>>, Trouble<DeviceError<Fault>>>;

fn i2c(chip: &Rc<RefCell<Chip>>, config: Config, settings: Settings) -> Source<I2cBus<FakeI2c>> {
    Windows::new(
        Lis3dh::new(I2cBus::new(FakeI2c(chip.clone()), 0x19), config),
        settings,
    )
}

fn spi(chip: &Rc<RefCell<Chip>>, config: Config, settings: Settings) -> Source<SpiBus<FakeSpi>> {
    Windows::new(
        Lis3dh::new(SpiBus::new(FakeSpi(chip.clone())), config),
        settings,
    )
}

/// The numbers of the samples of the next window. A count is a mg, and 20 fraction bits tell them
/// apart.
fn next<B: Bus<Error = Fault>>(source: &mut Source<B>) -> Given {
    let mut features = [0; 3 * WINDOW];
    let sample = |sample: &[i32]| {
        let counts = [0, 1, 2]
            .map(|axis| ((f64::from(sample[axis]) * 1000.0 / f64::from(1 << 20)).round()) as i32);
        let number = number_of(counts);
        assert_eq!(
            counts,
            crate::chip::numbered(number).map(i32::from),
            "not a sample"
        );
        number
    };
    Ok(source
        .next(20, &mut features)?
        .then(|| features.chunks(3).map(sample).collect()))
}

/// All that so many polls give, after a tick of `samples` each.
fn polls<B: Bus<Error = Fault>>(
    source: &mut Source<B>,
    chip: &Rc<RefCell<Chip>>,
    count: usize,
    samples: u32,
) -> Vec<Given> {
    let poll = |_| {
        chip.borrow_mut().tick(samples);
        next(source)
    };
    (0..count).map(poll).collect()
}

#[test]
fn both_buses_give_overlapping_windows() {
    let given = |list: Vec<Given>| {
        list.into_iter()
            .filter_map(|given| given.unwrap())
            .collect::<Vec<_>>()
    };
    let chip = Chip::new();
    let over_i2c = given(polls(&mut i2c(&chip, CONFIG, SETTINGS), &chip, 200, 1));
    // The first tick is before the start; then seven samples settle.
    let wanted: Vec<Vec<u32>> = (0..)
        .map(|k| 8 + 3 * k)
        .take_while(|at| at + 3 < 200)
        .map(|at| (at..at + 4).collect())
        .collect();
    assert_eq!(over_i2c, wanted);
    let chip = Chip::new();
    let mut source = spi(&chip, CONFIG, SETTINGS);
    let over_spi: Vec<_> = polls(&mut source, &chip, 200, 1)
        .into_iter()
        .filter_map(|given| given.unwrap())
        .collect();
    assert_eq!(over_spi, wanted);
    // Registers as the datasheet has them: 100 Hz, three axes; block update, ±2 g, 12 bits; FIFO;
    // stream.
    let registers = chip.borrow().registers;
    assert_eq!(
        [0x20, 0x23, 0x24, 0x2e].map(|at: usize| registers[at]),
        [0x57, 0x88, 0x40, 0x80]
    );
}

#[test]
fn ranges_and_rates_are_the_datasheets() {
    let rates = [
        (Rate::Hz1, 1),
        (Rate::Hz10, 2),
        (Rate::Hz25, 3),
        (Rate::Hz50, 4),
        (Rate::Hz200, 6),
        (Rate::Hz400, 7),
        (Rate::Hz1344, 9),
    ];
    let ranges = [
        (Range::G2, 0x00, 1),
        (Range::G4, 0x10, 2),
        (Range::G8, 0x20, 4),
        (Range::G16, 0x30, 12),
    ];
    for (rate, rate_bits) in rates {
        for (range, range_bits, milli_g) in ranges {
            let chip = Chip::new();
            chip.borrow_mut().signal = |n| [1000, -2048, n as i16];
            let mut source = i2c(
                &chip,
                Config {
                    rate,
                    range,
                    retries: 0,
                },
                SETTINGS,
            );
            let mut features = [0; 3 * WINDOW];
            assert_eq!(source.next(16, &mut features), Ok(false));
            chip.borrow_mut().tick(20);
            assert_eq!(source.next(16, &mut features), Ok(true));
            // In g, 16 fraction bits: 1,000 counts of so many mg.
            let g = |counts: f64| (counts * f64::from(milli_g) / 1000.0 * 65_536.0).round() as i32;
            assert_eq!(features[..2], [g(1000.0), g(-2048.0)]);
            let registers = chip.borrow().registers;
            assert_eq!(
                (registers[0x20], registers[0x23]),
                (rate_bits << 4 | 7, 0x88 | range_bits)
            );
        }
    }
}

/// Windows are samples in a row; from one to the next it is a hop, unless there was trouble
/// between.
fn check(given: &[Given], what: &str) -> (usize, usize) {
    let (mut last, mut windows, mut troubles) = (None::<u32>, 0, 0);
    for one in given {
        match one {
            Ok(None) => {}
            Ok(Some(window)) => {
                assert!(
                    window.windows(2).all(|pair| pair[1] == pair[0] + 1),
                    "{what}: a gap in {window:?}"
                );
                assert!(
                    last.is_none_or(|last| window[0] == last + HOP),
                    "{what}: {last:?}, then {window:?}"
                );
                last = Some(window[0]);
                windows += 1;
            }
            Err(_) => {
                last = None;
                troubles += 1;
            }
        }
    }
    assert!(
        given.last().is_some_and(|last| last.is_ok()),
        "{what}: no recovery"
    );
    (windows, troubles)
}

#[test]
fn every_transaction_may_fail() {
    let polled = 60;
    let run = |fail: Vec<(usize, Fault)>, retries: u8| {
        let chip = Chip::new();
        chip.borrow_mut().fail = fail;
        let given = polls(
            &mut i2c(&chip, Config { retries, ..CONFIG }, SETTINGS),
            &chip,
            polled,
            1,
        );
        let transactions = chip.borrow().transactions;
        (given, transactions)
    };
    let (clean, transactions) = run(Vec::new(), 0);
    let (all, none) = check(&clean, "clean");
    assert!(all >= 15 && none == 0 && transactions > 100);
    // The transactions that a retry cannot help: readings of a sample. With retries, all but them
    // pass unseen.
    let (mut seen_without, mut seen_with) = (0, 0);
    for n in 0..transactions - 30 {
        for fault in [Fault::Before, Fault::After] {
            let what = format!("transaction {n} {fault:?}");
            let (given, _) = run(vec![(n, fault)], 0);
            let (windows, troubles) = check(&given, &what);
            assert_eq!(troubles, 1, "{what}");
            assert!(windows + 6 >= all, "{what}: {windows} windows");
            let error = given
                .iter()
                .find_map(|one| one.as_ref().err())
                .expect("trouble");
            assert_eq!(*error, Trouble::Sensor(DeviceError::Bus(fault)), "{what}");
            seen_without += 1;
            let (given, _) = run(vec![(n, fault)], 2);
            let (windows, troubles) = check(&given, &what);
            assert!(troubles == 1 || windows == all, "{what}: {windows} windows");
            seen_with += troubles;
            // Three in a row are more than two retries.
            let (given, _) = run((n..n + 3).map(|n| (n, fault)).collect(), 2);
            check(&given, &what);
        }
    }
    assert!(
        seen_with > 0 && seen_with * 2 < seen_without,
        "{seen_with} of {seen_without}"
    );
}

#[test]
fn a_missing_sensor_is_found_when_it_comes() {
    let chip = Chip::new();
    let mut source = spi(&chip, CONFIG, SETTINGS);
    for found in [0x00, 0xff, 0x32] {
        chip.borrow_mut().registers[0x0f] = found;
        for _ in 0..3 {
            assert_eq!(
                next(&mut source),
                Err(Trouble::Sensor(DeviceError::Missing { found }))
            );
        }
    }
    chip.borrow_mut().is_gone = true;
    assert_eq!(
        next(&mut source),
        Err(Trouble::Sensor(DeviceError::Bus(Fault::Before)))
    );
    chip.borrow_mut().is_gone = false;
    chip.borrow_mut().power_up();
    chip.borrow_mut().worn = Some(0x23);
    let worn = DeviceError::Register {
        register: 0x23,
        wrote: 0x88,
        found: 0,
    };
    assert_eq!(next(&mut source), Err(Trouble::Sensor(worn)));
    chip.borrow_mut().worn = None;
    assert!(check(&polls(&mut source, &chip, 60, 1), "plugged in").0 > 10);
}

#[test]
fn an_overrun_is_a_gap() {
    let chip = Chip::new();
    let mut source = i2c(&chip, CONFIG, SETTINGS);
    let mut given = polls(&mut source, &chip, 40, 1);
    // 31 samples are kept, 32 may be too many.
    chip.borrow_mut().tick(30);
    given.extend(polls(&mut source, &chip, 20, 1));
    assert_eq!(check(&given, "31 samples").1, 0);
    chip.borrow_mut().tick(31);
    given.extend(polls(&mut source, &chip, 60, 1));
    assert!(given.contains(&Err(Trouble::Sensor(DeviceError::Overrun))));
    assert_eq!(check(&given, "32 samples").1, 1);
}

#[test]
fn a_silent_sensor_is_started_anew() {
    let chip = Chip::new();
    let mut source = i2c(&chip, CONFIG, SETTINGS);
    let mut given = polls(&mut source, &chip, 40, 1);
    // Its power fails for a moment: nobody tells.
    chip.borrow_mut().power_up();
    given.extend(polls(&mut source, &chip, 60, 1));
    assert!(given.contains(&Err(Trouble::Silent { polls: 5 })));
    assert_eq!(check(&given, "after a loss of power").1, 1);
    // Four empty polls in a row are no trouble, and five are.
    let mut rest = polls(&mut source, &chip, 4, 0);
    rest.extend(polls(&mut source, &chip, 1, 1));
    assert_eq!(check(&rest, "slow").1, 0);
    let (last, others) = (
        polls(&mut source, &chip, 4, 0),
        polls(&mut source, &chip, 1, 0),
    );
    assert!(last.iter().all(Result::is_ok));
    assert_eq!(others, [Err(Trouble::Silent { polls: 5 })]);
}

#[test]
fn a_stuck_sensor_is_noticed() {
    let chip = Chip::new();
    chip.borrow_mut().signal =
        |n| crate::chip::numbered(if (100..150).contains(&n) { 100 } else { n });
    let mut source = i2c(&chip, CONFIG, SETTINGS);
    let mut features = [0; 3 * WINDOW];
    let mut stuck = Vec::new();
    for n in 0..200 {
        chip.borrow_mut().tick(1);
        if let Err(trouble) = source.next(20, &mut features) {
            assert_eq!(trouble, Trouble::Stuck { samples: 8 });
            stuck.push(n);
        }
    }
    // Seven equal samples are none yet; then it is started over and over until it lives.
    assert_eq!(stuck.first(), Some(&107));
    assert!(
        stuck.len() >= 4 && stuck.last().is_some_and(|&n| n < 150),
        "{stuck:?}"
    );
}

#[test]
fn a_sensor_at_rest_is_not_stuck_for_its_noise_is_below_a_count() {
    let chip = Chip::new();
    // At ±16 g: one axis moves by a count, once in 300 samples.
    chip.borrow_mut().signal = |n| [0, -1, 83 + i16::from(n % 300 == 0)];
    let mut source = i2c(
        &chip,
        Config {
            range: Range::G16,
            ..CONFIG
        },
        Settings::default(),
    );
    let mut features = [0; 3 * WINDOW];
    let mut windows = 0;
    for _ in 0..1000 {
        chip.borrow_mut().tick(1);
        windows += u32::from(source.next(20, &mut features).expect("no trouble"));
    }
    // The first tick is before the start; seven samples settle, and the first window takes four.
    assert_eq!(windows, 1000 - 1 - 7 - 3);
}
