//! Tests that run every fuzz target on its seeds, on hostile inputs, and on random variations of the seeds. `make test`
//! runs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{TARGETS, Target};

/// Number of random variations per target.
const VARIATIONS: u64 = 300;

/// Maximum number of bytes of an input that a failure message shows.
const SHOWN: usize = 2_000;

fn seeds(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target)
}

fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(seeds(target.name))
        .unwrap_or_else(|error| panic!("seeds/{}: {error}", target.name))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "seeds/{} is empty", target.name);
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs each target on its inputs. Panics at the end, with a list of all targets that failed.
fn check(tries: impl Iterator<Item = (&'static Target, Vec<Vec<u8>>)>) {
    let mut broken = Vec::new();
    for (target, inputs) in tries {
        let wrong = inputs
            .iter()
            .find(|input| std::panic::catch_unwind(|| (target.check)(input)).is_err());
        if let Some(input) = wrong {
            let shown = input.get(..SHOWN).unwrap_or(input).escape_ascii();
            broken.push(format!("{} at {} bytes: {shown}", target.name, input.len()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// SplitMix64 random number generator. The same seed produces the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(most.max(1)).unwrap()).unwrap()
    }

    /// Returns a random byte. Two of three bytes have a special meaning for at least one of the parsers.
    fn byte(&mut self) -> u8 {
        const MEANT: &[u8] = b"\"\\',;:=&?%+-.@/$#{}[]()<>*~\n\r\t \0\x1e\xff\xc3\xe2019azAZ_eE";
        match self.below(3) {
            0 => self.next().to_le_bytes()[0],
            _ => MEANT[self.below(MEANT.len())],
        }
    }

    fn vary(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut varied = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            let (from, to) = (self.below(varied.len() + 1), self.below(varied.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            match self.below(5) {
                0 => drop(varied.drain(from..to)),
                1 => varied.insert(from, self.byte()),
                2 if from < varied.len() => varied[from] = self.byte(),
                3 => {
                    let piece = varied[from..to].to_vec();
                    varied.splice(to..to, piece);
                }
                _ => {
                    let other = &inputs[self.below(inputs.len())];
                    let begin = self.below(other.len() + 1);
                    varied.splice(from..to, other[begin..].iter().copied());
                }
            }
        }
        varied
    }
}

#[test]
fn every_target_has_seeds_and_every_seed_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|t| t.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    let directories: BTreeSet<String> = fs::read_dir(seeds(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(directories, targets);
}

#[test]
fn seeds_hold() {
    check(TARGETS.iter().map(|target| (target, inputs(target))));
}

#[test]
fn hostile_inputs_hold() {
    let hostile = [
        Vec::new(),
        (0..=u8::MAX).collect(),
        b"\xff\xfe\xc3\x28\xe2\x82".to_vec(),
        "\u{feff}\u{200b}\u{2028}\u{85}".repeat(50).into_bytes(),
        b"[".repeat(10_000),
        b"{\"a\":".repeat(200),
        b"9".repeat(5_000),
        b"\"".repeat(5_001),
        b"a,".repeat(5_000),
        b"\0".repeat(5_000),
    ];
    check(TARGETS.iter().map(|target| (target, hostile.to_vec())));
}

#[test]
fn files_without_bounds_hold() {
    let head = "leadID,primaryPhone,email\n";
    let with = |rest: String| format!("{head}{rest}").into_bytes();
    let files = [
        with(",".repeat(100_000)),
        format!("leadID{}\n1\n", ",x".repeat(100_000)).into_bytes(),
        with(format!("1,\"{}", "5".repeat(2 * 1024 * 1024))),
        with("1,5550123456,a@b\n".repeat(15_001)),
        with("\n".repeat(1_000_000)),
        format!("leadID{}\n{}", ",x".repeat(499), "1,".repeat(499)).into_bytes(),
    ];
    let targets = TARGETS.iter().filter(|t| t.name.starts_with("csv_"));
    check(targets.map(|target| (target, files.to_vec())));
}

#[test]
fn variations_hold() {
    let seed = std::env::var("FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    eprintln!("FUZZ_SEED={seed}");
    check(TARGETS.iter().map(|target| {
        let (inputs, mut random) = (inputs(target), Random(seed));
        let varied = (0..VARIATIONS).map(|_| random.vary(&inputs));
        (target, varied.collect())
    }));
}
