//! How often a comparison is wrong, and what it can find: simulated runs, counted. Prints the tables of docs/statistics.md.
//!
//! `cargo run --release -p squall-stats --example calibrate [RUNS]`, by default 2,000 runs a row; always the same answer.
#![allow(clippy::print_stdout)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use squall_stats::{Comparison, LEVEL, Net, Pair, Proportion, Sample, Stationary};

const CORRELATIONS: [f64; 5] = [0.0, 0.2, 0.4, 0.6, 0.8];
const LENGTHS: [usize; 3] = [20, 60, 200];
const SHIFTS: [f64; 4] = [0.05, 0.10, 0.15, 0.25];

/// Standard deviation of a reading in the table of power, as a share of its level.
const SPREAD: f64 = 0.10;

#[derive(Clone, Copy)]
enum Tails {
    Normal,
    /// Student's with three degrees of freedom: single readings are many deviations away.
    Heavy,
}

struct System {
    chance: ChaCha8Rng,
    correlation: f64,
    tails: Tails,
    value: f64,
}

impl System {
    fn new(seed: u64, correlation: f64, tails: Tails) -> Self {
        let mut system = Self { chance: ChaCha8Rng::seed_from_u64(seed), correlation, tails, value: 0.0 };
        // Long enough to forget where it began: 0.8^100 is 2e-10.
        for _ in 0..100 {
            system.next();
        }
        system
    }

    /// Box and Muller (1958).
    fn normal(&mut self) -> f64 {
        let (one, other): (f64, f64) = (1.0 - self.chance.random::<f64>(), self.chance.random());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    fn noise(&mut self) -> f64 {
        match self.tails {
            Tails::Normal => self.normal(),
            Tails::Heavy => {
                let square: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
                // With the variance 1 of the other: that of Student's with three degrees is 3.
                self.normal() / (square / 3.0).sqrt() / 3.0_f64.sqrt()
            }
        }
    }

    /// The next reading of an AR(1) process with mean 0 and variance 1.
    fn next(&mut self) -> f64 {
        self.value = self.correlation * self.value + (1.0 - self.correlation.powi(2)).sqrt() * self.noise();
        self.value
    }

    fn readings(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }
}

#[derive(Default)]
struct Counted {
    different: u64,
    silent: u64,
    covered: u64,
}

/// Runs of one system that is read `n` times before and `n` times then, where it is greater by `shift`.
fn simulate(runs: u64, n: usize, correlation: f64, tails: Tails, shift: f64) -> Counted {
    let mut counted = Counted::default();
    for run in 0..runs {
        let mut system = System::new(run, correlation, tails);
        let before = Sample::of(&system.readings(n));
        let then: Vec<f64> = system.readings(n).into_iter().map(|value| value + shift).collect();
        match Comparison::between(&before, &Sample::of(&then)) {
            Comparison::Compared(effect) => {
                counted.different += u64::from(effect.p < LEVEL);
                counted.covered += u64::from(effect.low <= shift && shift <= effect.high);
            }
            _ => counted.silent += 1,
        }
    }
    counted
}

fn percent(count: u64, of: u64) -> String {
    let share = Proportion::of(count, of).map_or(0.0, |share| share.share);
    format!("{:.1} %", share * 100.0)
}

fn false_alarms(runs: u64) {
    println!("### False alarms\n");
    println!("| readings | tails | {} |", CORRELATIONS.map(|rho| format!("rho {rho}")).join(" | "));
    println!("| ---: | --- |{}", " ---: |".repeat(CORRELATIONS.len()));
    let mut greatest = 0;
    for n in LENGTHS {
        for (tails, name) in [(Tails::Normal, "normal"), (Tails::Heavy, "heavy")] {
            let cells = CORRELATIONS.map(|rho| {
                let counted = simulate(runs, n, rho, tails, 0.0);
                greatest = greatest.max(counted.different);
                let silent = if counted.silent == 0 {
                    String::new()
                } else {
                    format!(" ({})", percent(counted.silent, runs))
                };
                percent(counted.different, runs) + &silent
            });
            println!("| {n} | {name} | {} |", cells.join(" | "));
        }
    }
    let error = (LEVEL * (1.0 - LEVEL) / runs as f64).sqrt() * 100.0;
    println!(
        "\n{runs} runs a cell; the standard error of 5 % is {error:.2} points. Greatest: {}.\n",
        percent(greatest, runs)
    );
}

fn pooled(runs: u64) {
    println!("### False alarms for each rho, all lengths and tails together\n");
    println!("| rho | false alarms | 95 % interval |\n| ---: | ---: | ---: |");
    for rho in CORRELATIONS {
        let mut different = 0;
        for n in LENGTHS {
            for tails in [Tails::Normal, Tails::Heavy] {
                different += simulate(runs, n, rho, tails, 0.0).different;
            }
        }
        let share = Proportion::of(different, runs * 6).expect("there are runs");
        println!(
            "| {rho} | {:.2} % | {:.2} to {:.2} % |",
            share.share * 100.0,
            share.low * 100.0,
            share.high * 100.0
        );
    }
    println!();
}

fn coverage(runs: u64) {
    println!("### Intervals that hold the true shift\n");
    println!("| readings | tails | {} |", CORRELATIONS.map(|rho| format!("rho {rho}")).join(" | "));
    println!("| ---: | --- |{}", " ---: |".repeat(CORRELATIONS.len()));
    for n in LENGTHS {
        for (tails, name) in [(Tails::Normal, "normal"), (Tails::Heavy, "heavy")] {
            let cells = CORRELATIONS.map(|rho| {
                let counted = simulate(runs, n, rho, tails, 1.0);
                percent(counted.covered, runs - counted.silent)
            });
            println!("| {n} | {name} | {} |", cells.join(" | "));
        }
    }
    println!();
}

fn power(runs: u64) {
    println!("### Shifts that are found\n");
    println!("| readings | rho | {} |", SHIFTS.map(|shift| format!("{:.0} %", shift * 100.0)).join(" | "));
    println!("| ---: | ---: |{}", " ---: |".repeat(SHIFTS.len()));
    for n in LENGTHS {
        for rho in [0.0, 0.4, 0.8] {
            let cells = SHIFTS
                .map(|shift| percent(simulate(runs, n, rho, Tails::Normal, shift / SPREAD).different, runs));
            println!("| {n} | {rho} | {} |", cells.join(" | "));
        }
    }
    println!();
}

/// A target and a control group that a shock hits both, and that share half of their noise.
fn control(runs: u64) {
    println!("### With a control group\n");
    println!(
        "| readings | rho | blamed though it hit both | found: 10 % on the target alone | interval of the means holds the truth |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for n in LENGTHS {
        for rho in [0.0, 0.8] {
            let (mut blamed, mut found, mut held) = (0, 0, 0);
            for run in 0..runs {
                let [mut common, mut one, mut other] =
                    [0, 1, 2].map(|part| System::new(run * 3 + part, rho, Tails::Normal));
                let mut pairs = |level: f64, extra: f64| -> Vec<Pair> {
                    let next = |_| {
                        let common = common.next();
                        Pair {
                            target: level + extra + common + one.next(),
                            control: level + common + other.next(),
                        }
                    };
                    (0..n).map(next).collect()
                };
                let (before, both) = (pairs(0.0, 0.0), pairs(3.0, 0.0));
                let net = Net::of(&before, &both, run);
                blamed += u64::from(net.net.effect().is_some_and(|effect| effect.p < LEVEL));
                held += u64::from(net.mean.is_some_and(|mean| mean.low <= 0.0 && mean.high >= 0.0));
                let alone = pairs(0.0, 0.10 / SPREAD);
                let net = Net::of(&before, &alone, run);
                found += u64::from(net.net.effect().is_some_and(|effect| effect.p < LEVEL));
            }
            println!(
                "| {n} | {rho} | {} | {} | {} |",
                percent(blamed, runs),
                percent(found, runs),
                percent(held, runs)
            );
        }
    }
    println!();
}

/// The interval of a mean by the stationary bootstrap.
fn bootstrap(runs: u64) {
    println!("### Intervals of a mean by the stationary bootstrap that hold the truth\n");
    println!("| readings | {} |", CORRELATIONS.map(|rho| format!("rho {rho}")).join(" | "));
    println!("| ---: |{}", " ---: |".repeat(CORRELATIONS.len()));
    for n in LENGTHS {
        let cells = CORRELATIONS.map(|rho| {
            let held = (0..runs).filter(|run| {
                let readings = System::new(*run, rho, Tails::Normal).readings(n);
                let mean = Stationary::new(*run).mean(&readings).expect("enough readings");
                mean.low <= 0.0 && mean.high >= 0.0
            });
            percent(held.count() as u64, runs)
        });
        println!("| {n} | {} |", cells.join(" | "));
    }
    println!();
}

fn main() {
    let runs =
        std::env::args().nth(1).and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0).unwrap_or(2_000);
    false_alarms(runs);
    pooled(runs);
    coverage(runs);
    power(runs);
    control(runs.min(1_000));
    bootstrap(runs.min(1_000));
}
