//! Memory as C has it, and the models that the tests run.
//!
//! Every pointer into a piece of memory is made from one, as C's are: nothing here borrows what the
//! library has been given.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::Path;

use sla::*;
use sla_tests::untrusted::{Aligned16, file_name, small_files};

/// Storage of a structure, or elements of a buffer: zeros at first.
pub struct C<T> {
    at: *mut T,
    len: usize,
}

impl<T> C<T> {
    /// One of them.
    pub fn one() -> Self {
        Self::many(1)
    }

    /// `len` of them.
    pub fn many(len: usize) -> Self {
        let zeroed = || {
            // SAFETY: only used for integers, and for structures and arrays of integers.
            unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
        };
        let elements: Box<[T]> = std::iter::repeat_with(zeroed).take(len).collect();
        Self {
            at: Box::into_raw(elements).cast(),
            len,
        }
    }

    /// A pointer to them.
    pub fn at(&self) -> *mut T {
        self.at
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What is there now.
    pub fn get(&self) -> Vec<T>
    where
        T: Copy,
    {
        // SAFETY: as many as were made.
        (0..self.len)
            .map(|i| unsafe { self.at.add(i).read() })
            .collect()
    }

    /// Puts the same into every place.
    pub fn fill(&self, value: T)
    where
        T: Copy,
    {
        self.set(&vec![value; self.len]);
    }

    /// Puts other elements there.
    pub fn set(&self, values: &[T])
    where
        T: Copy,
    {
        assert!(values.len() <= self.len);
        // SAFETY: no more than were made.
        values
            .iter()
            .enumerate()
            .for_each(|(i, value)| unsafe { self.at.add(i).write(*value) });
    }
}

impl<T> Drop for C<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box of this length.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.at, self.len)) });
    }
}

/// The small files, by the names of files. An interpreter gets the smallest of them, which have
/// every backbone and both states: a step takes it seconds.
pub fn files() -> Vec<(String, Aligned16)> {
    let mut files = all_files();
    files.retain(|(_, file)| !cfg!(miri) || file.bytes().len() < 6_000);
    assert!(files.len() >= 3, "{} files", files.len());
    files
}

/// They are converted here, or read from the folder `SLA_SMALL_FILES`: an interpreter converts too
/// slowly.
fn all_files() -> Vec<(String, Aligned16)> {
    let Some(folder) = std::env::var_os("SLA_SMALL_FILES") else {
        return small_files()
            .into_iter()
            .map(|(name, file)| (file_name(name), Aligned16::of(&file)))
            .collect();
    };
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let name = |path: &Path| {
        path.file_stem()
            .expect("a name")
            .to_str()
            .expect("a name")
            .to_owned()
    };
    let read = |path: &Path| Aligned16::of(&std::fs::read(path).expect("a file"));
    paths.iter().map(|path| (name(path), read(path))).collect()
}

/// The file of a name.
pub fn file(name: &str) -> Aligned16 {
    all_files()
        .into_iter()
        .find(|(known, _)| known == name)
        .expect("a small file of this name")
        .1
}

/// An open model with its plan.
pub struct Opened {
    pub model: C<sla_model>,
    pub plan: sla_plan,
    pub info: sla_info,
    file: Aligned16,
}

impl Opened {
    pub fn new(file: Aligned16) -> Self {
        let (model, plan, info) = (C::one(), C::one(), C::one());
        let bytes = file.bytes();
        // SAFETY: an aligned file, and storage, that outlive the calls.
        unsafe {
            assert_eq!(
                sla_model_open(model.at(), bytes.as_ptr(), bytes.len()),
                sla_status::SLA_OK
            );
            assert_eq!(sla_model_plan(model.at(), plan.at()), sla_status::SLA_OK);
            assert_eq!(sla_model_info(model.at(), info.at()), sla_status::SLA_OK);
        }
        let (plan, info): (sla_plan, sla_info) = (plan.get()[0], info.get()[0]);
        Self {
            model,
            plan,
            info,
            file,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.file.bytes()
    }

    /// A scratch buffer.
    pub fn scratch(&self) -> C<u32> {
        C::many(self.plan.scratch_words)
    }

    /// A session in this scratch buffer, which others may use too.
    pub fn session<'a>(&'a self, scratch: &'a C<u32>) -> Running<'a> {
        let running = Running {
            opened: self,
            session: C::one(),
            state: C::many(self.plan.state_words),
            scratch,
        };
        assert_eq!(running.open(), sla_status::SLA_OK);
        running
    }
}

/// An open session.
pub struct Running<'a> {
    pub opened: &'a Opened,
    pub session: C<sla_session>,
    pub state: C<u32>,
    pub scratch: &'a C<u32>,
}

impl Running<'_> {
    pub fn at(&self) -> *mut sla_session {
        self.session.at()
    }

    /// Opens it, again if it was.
    pub fn open(&self) -> sla_status {
        let (state, scratch) = (&self.state, self.scratch);
        // SAFETY: memory that lives as long as the session.
        unsafe {
            let model = self.opened.model.at();
            sla_session_open(
                self.at(),
                model,
                state.at(),
                state.len(),
                scratch.at(),
                scratch.len(),
            )
        }
    }

    fn frame(&self, input: u32) -> Vec<i32> {
        (0..self.opened.info.inputs)
            .map(|i| 1_000 * (input + i) as i32)
            .collect()
    }

    /// A step by token or frame number `input`.
    pub fn step(&self, input: u32) -> sla_status {
        let frame = self.frame(input);
        // SAFETY: an open session.
        unsafe {
            match self.opened.info.reads_features {
                false => sla_step(self.at(), input % self.opened.info.inputs),
                true => sla_step_features(self.at(), frame.as_ptr(), frame.len()),
            }
        }
    }

    /// Begins that.
    pub fn begin(&self, input: u32) -> sla_status {
        let frame = self.frame(input);
        // SAFETY: an open session.
        unsafe {
            match self.opened.info.reads_features {
                false => sla_step_begin(self.at(), input % self.opened.info.inputs),
                true => sla_step_features_begin(self.at(), frame.as_ptr(), frame.len()),
            }
        }
    }

    /// Runs a slice.
    pub fn slice(&self) -> Result<usize, sla_status> {
        // SAFETY: an open session.
        result(|left| unsafe { sla_slice(self.at(), left) })
    }

    pub fn argmax(&self) -> Result<u32, sla_status> {
        // SAFETY: an open session.
        result(|best| unsafe { sla_argmax(self.at(), best) })
    }

    pub fn position(&self) -> Result<u64, sla_status> {
        // SAFETY: an open session.
        result(|position| unsafe { sla_position(self.at(), position) })
    }

    /// A choice of a fresh sampler.
    pub fn sample(&self) -> Result<u32, sla_status> {
        let sampler = C::<sla_sampler>::one();
        // SAFETY: storage that outlives the calls.
        unsafe {
            assert_eq!(
                sla_sampler_open(sampler.at(), sla_sampler_defaults()),
                sla_status::SLA_OK
            );
            result(|token| sla_sample(sampler.at(), self.at(), token))
        }
    }

    pub fn logits(&self) -> Result<Vec<i32>, sla_status> {
        let out = C::many(self.opened.info.outputs as usize);
        // SAFETY: room for as many.
        match unsafe { sla_logits(self.at(), out.at(), out.len()) } {
            sla_status::SLA_OK => Ok(out.get()),
            status => Err(status),
        }
    }

    pub fn save(&self) -> Result<Vec<u8>, sla_status> {
        // SAFETY: an open session.
        let bytes = result(|bytes| unsafe { sla_snapshot_bytes(self.at(), bytes) })?;
        let out = C::many(bytes);
        // SAFETY: room for as many.
        match unsafe { sla_save(self.at(), out.at(), bytes) } {
            sla_status::SLA_OK => Ok(out.get()),
            status => Err(status),
        }
    }

    pub fn restore(&self, snapshot: &[u8]) -> sla_status {
        // SAFETY: an open session.
        unsafe { sla_restore(self.at(), snapshot.as_ptr(), snapshot.len()) }
    }

    pub fn reset(&self) -> sla_status {
        // SAFETY: an open session.
        unsafe { sla_reset(self.at()) }
    }

    /// What every call says that needs the last step's results.
    pub fn results(&self) -> [Option<sla_status>; 4] {
        [
            self.logits().err(),
            self.argmax().err(),
            self.sample().err(),
            self.save().err(),
        ]
    }
}

/// What `call` writes behind its pointer.
fn result<T: Copy>(call: impl FnOnce(*mut T) -> sla_status) -> Result<T, sla_status> {
    let out = C::one();
    match call(out.at()) {
        sla_status::SLA_OK => Ok(out.get()[0]),
        status => Err(status),
    }
}
