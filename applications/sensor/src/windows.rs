//! Samples to feature vectors: windows that overlap, and what is done about a sensor that fails.

use core::fmt;

use crate::monitor::FeatureSource;
use crate::scale::Scale;

/// A sensor that measures `AXES` numbers at a steady rate.
pub trait Sensor<const AXES: usize> {
    /// What can go wrong.
    type Error: fmt::Debug;

    /// Samples after a start that are not used yet.
    const SETTLING: u32;

    /// What a count is worth.
    fn scale(&self) -> Scale;

    /// Finds the sensor and makes it measure from now on; older samples are dropped.
    ///
    /// # Errors
    /// What is wrong with it.
    fn start(&mut self) -> Result<(), Self::Error>;

    /// The next sample; `None` if there is none yet. Does not wait.
    ///
    /// # Errors
    /// What is wrong with it: no sample after that may be used before another start.
    fn sample(&mut self) -> Result<Option<[i16; AXES]>, Self::Error>;
}

/// How windows are cut and when a sensor is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Samples from one window to the next, at least 1.
    pub hop: u32,
    /// Equal samples in a row that mean a stuck sensor. 0, the default, for any number: a sensor
    /// at rest that works has unequal samples only where its noise is more than a count, which
    /// depends on its range and rate (see [`Lis3dh`](crate::Lis3dh)).
    pub stuck: u32,
    /// Polls in a row without a sample that mean a silent sensor, which may have lost its
    /// registers with its power. 0 for any number. It has to be well above the polls between
    /// two samples. The default, 10,000, is so for a loop that sleeps between polls, or polls for
    /// at least 0.2 ms each, at 1 sample a second or more.
    pub patience: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hop: 1,
            stuck: 0,
            patience: 10_000,
        }
    }
}

/// Why there are no features. The next poll starts the sensor anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble<E> {
    /// The sensor's own.
    Sensor(E),
    /// It gives one sample over and over.
    Stuck {
        /// How often it did.
        samples: u32,
    },
    /// It gives no samples.
    Silent {
        /// How often it was asked.
        polls: u32,
    },
}

impl<E: fmt::Display> fmt::Display for Trouble<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sensor(e) => write!(f, "{e}"),
            Self::Stuck { samples } => write!(f, "the sensor is stuck: {samples} equal samples"),
            Self::Silent { polls } => write!(f, "the sensor is silent: no sample in {polls} polls"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Trouble<E> {}

/// Vectors of the last `WINDOW` samples, all axes of the oldest first: `AXES`·`WINDOW` features.
#[derive(Debug)]
pub struct Windows<S, const AXES: usize, const WINDOW: usize> {
    sensor: S,
    settings: Settings,
    is_running: bool,
    settling: u32,
    /// A ring; `next` is the oldest one's place once it is full.
    samples: [[i16; AXES]; WINDOW],
    next: usize,
    /// Samples until the next vector.
    wanted: u32,
    last: Option<[i16; AXES]>,
    equal: u32,
    idle: u32,
}

impl<S: Sensor<AXES>, const AXES: usize, const WINDOW: usize> Windows<S, AXES, WINDOW> {
    /// Windows of a sensor, which the first poll starts.
    pub fn new(sensor: S, settings: Settings) -> Self {
        const { assert!(AXES > 0 && WINDOW > 0) };
        Self {
            sensor,
            settings,
            is_running: false,
            settling: 0,
            samples: [[0; AXES]; WINDOW],
            next: 0,
            wanted: 0,
            last: None,
            equal: 0,
            idle: 0,
        }
    }

    /// Gives the sensor back.
    pub fn release(self) -> S {
        self.sensor
    }

    fn start(&mut self) -> Result<(), S::Error> {
        self.sensor.start()?;
        self.is_running = true;
        (self.settling, self.next, self.wanted) = (S::SETTLING, 0, WINDOW as u32);
        (self.last, self.equal, self.idle) = (None, 0, 0);
        Ok(())
    }

    /// Takes in a sample; whether a vector is due.
    fn push(&mut self, sample: [i16; AXES]) -> Result<bool, Trouble<S::Error>> {
        self.equal = if self.last == Some(sample) {
            self.equal.saturating_add(1)
        } else {
            1
        };
        self.last = Some(sample);
        if self.equal == self.settings.stuck {
            return Err(Trouble::Stuck {
                samples: self.equal,
            });
        }
        if self.settling > 0 {
            self.settling -= 1;
            return Ok(false);
        }
        if let Some(place) = self.samples.get_mut(self.next) {
            *place = sample;
        }
        self.next = (self.next + 1) % WINDOW;
        self.wanted -= 1;
        if self.wanted > 0 {
            return Ok(false);
        }
        self.wanted = self.settings.hop.max(1);
        Ok(true)
    }

    /// Asks the sensor until a vector is due.
    fn advance(&mut self) -> Result<bool, Trouble<S::Error>> {
        if !self.is_running {
            self.start().map_err(Trouble::Sensor)?;
        }
        self.idle = self.idle.saturating_add(1);
        while let Some(sample) = self.sensor.sample().map_err(Trouble::Sensor)? {
            self.idle = 0;
            if self.push(sample)? {
                return Ok(true);
            }
        }
        if self.idle == self.settings.patience {
            return Err(Trouble::Silent { polls: self.idle });
        }
        Ok(false)
    }
}

impl<S: Sensor<AXES>, const AXES: usize, const WINDOW: usize> FeatureSource
    for Windows<S, AXES, WINDOW>
{
    type Error = Trouble<S::Error>;

    fn features(&self) -> usize {
        AXES * WINDOW
    }

    fn next(&mut self, frac: i32, out: &mut [i32]) -> Result<bool, Self::Error> {
        match self.advance() {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(trouble) => {
                self.is_running = false;
                return Err(trouble);
            }
        }
        let scale = self.sensor.scale();
        let (newer, older) = self.samples.split_at_checked(self.next).unwrap_or_default();
        let counts = older.iter().chain(newer).flatten();
        out.iter_mut()
            .zip(counts)
            .for_each(|(feature, &count)| *feature = scale.feature(count, frac));
        Ok(true)
    }
}
