//! That a check of a token or secret takes the same time however much of a guess is right.
//!
//! As dudect does it (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017): two classes of input in random order through the
//! same memory, the slow tail left out, and Welch's t of the rest. A t beyond 4.5 tells the classes apart.

use std::{hint::black_box, time::Instant};

use leadcapture_server::domain::api_token::{ApiTokenSecret, TokenHash};
use leadcapture_webhook::secrets::Secrets;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

const TOLD_APART: f64 = 4.5;
const ROUNDS: u64 = 10;
const SAMPLES: usize = 8_000;
const CALLS_PER_SAMPLE: usize = 4;

/// How well the two inputs are told apart by the time that `check` takes.
fn t_of(check: &impl Fn(&[u8]), inputs: [&[u8]; 2], seed: u64) -> f64 {
    assert_eq!(inputs[0].len(), inputs[1].len());
    let mut random = StdRng::seed_from_u64(seed);
    let mut input = inputs[0].to_vec();
    let samples: Vec<(usize, f64)> = (0..SAMPLES)
        .map(|_| {
            let class = usize::from(random.random::<bool>());
            input.copy_from_slice(inputs[class]);
            let start = Instant::now();
            for _ in 0..CALLS_PER_SAMPLE {
                check(black_box(&input));
            }
            (class, start.elapsed().as_secs_f64())
        })
        .collect();
    let mut times: Vec<f64> = samples.iter().map(|(_, time)| *time).collect();
    times.sort_unstable_by(f64::total_cmp);
    let slow = times[SAMPLES * 3 / 4];
    let [first, second] = [0, 1].map(|wanted| {
        Moments::of(
            samples.iter().filter(|(class, time)| *class == wanted && *time <= slow).map(|(_, time)| *time),
        )
    });
    (first.mean - second.mean).abs() / (first.variance / first.count + second.variance / second.count).sqrt()
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = f64::from(u32::try_from(values.clone().count()).unwrap());
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }
}

/// A busy machine disturbs a round now and then; what depends on the content shows in every one.
fn least_t(check: impl Fn(&[u8]), inputs: [&[u8]; 2]) -> f64 {
    let mut least = f64::INFINITY;
    for round in 0..ROUNDS {
        least = least.min(t_of(&check, inputs, round));
        if least < TOLD_APART {
            break;
        }
    }
    least
}

/// As `secret`, but for the characters from `right` on. A digit stays a digit and a letter a letter, as a guesser can choose that anyway.
fn guess(secret: &str, right: usize, step: u8) -> String {
    let turn = |byte: u8| match byte {
        b'0'..=b'9' => b'0' + (byte - b'0' + step % 9 + 1) % 10,
        b'a'..=b'f' => b'a' + (byte - b'a' + step % 5 + 1) % 6,
        other => other,
    };
    secret
        .bytes()
        .enumerate()
        .map(|(at, byte)| char::from(if at < right { byte } else { turn(byte) }))
        .collect()
}

#[test]
fn the_method_sees_a_comparison_that_stops_at_the_first_difference() {
    let secret = "0123456789abcdef".repeat(8);
    let [near, far] = [secret.len() - 1, 0].map(|right| guess(&secret, right, 0));
    let naive = |candidate: &[u8]| {
        black_box(secret.bytes().zip(candidate).all(|(known, given)| known == *given));
    };
    let t = least_t(naive, [near.as_bytes(), far.as_bytes()]);
    assert!(t > 4.0 * TOLD_APART, "t = {t}");
}

#[test]
fn a_secret_of_the_webhook_cannot_be_felt_out() {
    let known: Vec<String> = (0..3).map(|step| guess(&"0123456789abcdef".repeat(8), 0, step)).collect();
    let secrets = Secrets::parse(&known.join("\n")).unwrap();
    let check = |candidate: &[u8]| {
        black_box(secrets.source(str::from_utf8(candidate).unwrap()));
    };
    let far = guess(&known[0], 0, 4);
    assert!(secrets.source(&known[0]).is_some() && secrets.source(&far).is_none());
    for known in &known {
        let near = guess(known, known.len() - 1, 0);
        let t = least_t(check, [near.as_bytes(), far.as_bytes()]);
        assert!(t < TOLD_APART, "t = {t}");
    }
}

#[test]
fn a_token_cannot_be_felt_out() {
    let good = ApiTokenSecret::new([0x5a; 32]);
    let good = good.reveal();
    let [near, far] = [29, 0].map(|right| like(good, right));
    assert!(near[..62] == good[..62] && far[4..6] != good[4..6]);
    let check = |candidate: &[u8]| {
        black_box(TokenHash::presented(candidate).unwrap());
    };
    let t = least_t(check, [near.as_bytes(), far.as_bytes()]);
    assert!(t < TOLD_APART, "t = {t}");
}

/// A token of which this many bytes are right, written with a digit wherever `good` has one and a letter wherever it has one.
fn like(good: &str, right: usize) -> String {
    let form = |token: &str| token.bytes().map(|byte| byte.is_ascii_digit()).collect::<Vec<_>>();
    let mut bytes = [0x5a; 32];
    bytes[right..].fill(0x3d);
    let a_digit_and_a_letter = || (0..=u8::MAX).filter(|byte| byte >> 4 < 10 && byte & 15 >= 10);
    for one in a_digit_and_a_letter() {
        for two in a_digit_and_a_letter() {
            for three in a_digit_and_a_letter() {
                bytes[29..].copy_from_slice(&[one, two, three]);
                let token = ApiTokenSecret::new(bytes);
                if form(token.reveal()) == form(good) {
                    return token.reveal().to_owned();
                }
            }
        }
    }
    panic!("no token of this form")
}
