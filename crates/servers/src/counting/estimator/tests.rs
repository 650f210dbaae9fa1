use proptest::prelude::*;

use super::*;

/// Texts in which every part occurs, each in other shares.
const TEXTS: [&str; 6] = [
    "The ferry left the harbour at half past six, when the extraordinary lamps were still burning.\n",
    "清晨五點半，市場的鐵門才拉開一半，阿財伯已經把青菜排好了。かな カナ 한국어 까지\n",
    "pub fn push(&mut self, byte: u8) -> Option<u8> {\n    self.len += 1;\n    None\n}\n",
    "{\"id\": 20417, \"price\": [749.00, 129.50], \"vip\": false, \"note\": null}\n",
    "Большой медведь, 🙂 naïve façade — «да».\n",
    "- one\n- two\n\n\n  three (3) & four @ 5%\n",
];

/// A prompt of some of these texts, each so many times.
fn prompt(times: [u32; TEXTS.len()]) -> Features {
    let mut sum = Features::default();
    for (text, times) in TEXTS.iter().zip(times) {
        let features = Features::of_text(text);
        for (mine, one) in sum.parts.iter_mut().zip(features.parts) {
            *mine += one * times;
        }
    }
    sum.parts[Part::Messages as usize] = 1;
    sum.parts[Part::Requests as usize] = 1;
    sum
}

fn any_prompt() -> impl Strategy<Value = Features> {
    prop::array::uniform6(0_u32..30).prop_map(prompt)
}

/// A model whose rates are this far up its bounds.
fn model(shares: [f64; PARTS]) -> Row {
    let mut rates = [0.0; PARTS];
    for (index, rate) in RATES.iter().enumerate() {
        // Within two deviations, as tokenizers are.
        let low = (rate.usual - 2.0 * rate.spread).max(rate.least);
        let high = (rate.usual + 2.0 * rate.spread).min(rate.most);
        rates[index] = low + shares[index] * (high - low);
    }
    rates
}

fn tokens_of(model: &Row, features: &Features) -> u32 {
    Estimator {
        rates: *model,
        ..Estimator::default()
    }
    .estimate(features)
}

fn off_by(estimator: &Estimator, features: &Features, tokens: u32) -> f64 {
    (f64::from(estimator.estimate(features)) / f64::from(tokens) - 1.0).abs()
}

#[test]
fn nothing_learned_is_what_models_usually_have() {
    let estimator = Estimator::default();
    let english = Features::of_text(&TEXTS[0].repeat(10));
    // Ten times 16 words, 9 letters beyond the sixth, 2 signs, a line.
    assert_eq!((estimator.estimate(&english), estimator.reports()), (200, 0));
    assert_eq!(estimator.estimate(&Features::default()), 0);
    assert!(!estimator.has_learned(&english));
    let image = Features {
        images: 2,
        ..Features::default()
    };
    assert_eq!(estimator.estimate(&image), 1600);
}

#[test]
fn chinese_is_learned_without_english() {
    let (english, chinese) = (prompt([20, 0, 0, 0, 0, 0]), prompt([0, 20, 0, 0, 0, 0]));
    let mut estimator = Estimator::default();
    let before = estimator.estimate(&english);
    let dear = estimator.estimate(&chinese) * 2;
    for _ in 0..5 {
        estimator.learn(&chinese, dear);
    }
    assert!(off_by(&estimator, &chinese, dear) < 0.03);
    assert!(off_by(&estimator, &english, before) < 0.05);
    assert!(estimator.has_learned(&chinese) && estimator.reports() == 5);
    assert!(!estimator.has_learned(&prompt([0, 0, 0, 0, 20, 0])));
}

#[test]
fn one_absurd_report_changes_little_and_many_are_believed() {
    let mixed = prompt([8, 8, 8, 8, 2, 2]);
    let mut learned = Estimator::default();
    for turn in 0..10_u32 {
        let features = prompt([turn % 3 * 6, turn % 4 * 5, turn % 5 * 4, turn % 2 * 9, 1, turn]);
        learned.learn(&features, Estimator::default().estimate(&features));
    }
    let honest = learned.estimate(&mixed);
    for absurd in [honest * 2, honest / 2] {
        let mut estimator = learned.clone();
        estimator.learn(&mixed, absurd);
        assert!(off_by(&estimator, &mixed, honest) < 0.05, "{absurd}");
        // Another model behind the same name.
        for _ in 0..60 {
            estimator.learn(&mixed, absurd);
        }
        assert!(off_by(&estimator, &mixed, absurd) < 0.10, "{absurd}");
    }
}

#[test]
fn what_teaches_nothing() {
    let mut estimator = Estimator::default();
    let features = prompt([10, 10, 10, 10, 0, 0]);
    let pictures = Features { images: 1, ..features };
    estimator.learn(&pictures, 1000);
    for impossible in [0, 1, 20, u32::MAX] {
        estimator.learn(&features, impossible);
    }
    assert_eq!(estimator, Estimator::default());
}

#[test]
fn a_stored_estimator_is_the_same_and_a_forged_one_does_no_harm() {
    let mut estimator = Estimator::default();
    for turn in 1..6 {
        let features = prompt([turn, 2, 3, turn, 1, 1]);
        estimator.learn(&features, estimator.estimate(&features) + 40);
    }
    let stored = serde_json::to_value(&estimator).unwrap();
    assert_eq!(serde_json::from_value::<Estimator>(stored.clone()).unwrap(), estimator);
    let mut forged = stored.clone();
    forged["rates"][0] = (-7.0).into();
    forged["rates"][8] = 1e300.into();
    let bounded = serde_json::from_value::<Estimator>(forged).unwrap();
    assert_eq!((bounded.rates[0], bounded.rates[8]), (0.5, 3.2));
    for (line, column, value) in [(3, 3, -1.0), (3, 3, 1e9), (3, 4, 1e300), (4, 3, -1e9)] {
        let mut forged = stored.clone();
        forged["doubt"][line][column] = value.into();
        assert_eq!(
            serde_json::from_value::<Estimator>(forged).unwrap(),
            Estimator::default()
        );
    }
    // One that is small enough and still none is forgotten when it is needed.
    let mut forged = stored.clone();
    for line in 0..PARTS {
        for column in 0..PARTS {
            let (sign, spread) = (
                if line == column { 0.0 } else { -1.0 },
                RATES[line].spread * RATES[column].spread,
            );
            forged["doubt"][line][column] = (sign * spread).into();
        }
    }
    let mut forged = serde_json::from_value::<Estimator>(forged).unwrap();
    assert_ne!(forged, Estimator::default());
    let features = prompt([2000; TEXTS.len()]);
    forged.learn(&features, Estimator::default().estimate(&features));
    assert_eq!(forged, Estimator::default());
    let mut other = stored;
    other["rates"].as_array_mut().unwrap().pop();
    assert!(serde_json::from_value::<Estimator>(other).is_err());
}

proptest! {
    /// Whatever was reported, rates stay where tokenizers can be, and what is learned is a covariance.
    #[test]
    fn any_reports_leave_it_bounded(reports in prop::collection::vec((any_prompt(), any::<u32>(), 0.01_f64..20.0), 0..40)) {
        let mut estimator = Estimator::default();
        for (features, wild, factor) in reports {
            let near = (f64::from(estimator.estimate(&features)) * factor).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
            estimator.learn(&features, near as u32);
            estimator.learn(&features, wild);
            for (index, rate) in RATES.iter().enumerate() {
                let value = estimator.rates[index];
                prop_assert!(value.is_finite() && (rate.least..=rate.most).contains(&value));
                let doubt = estimator.doubt[index][index];
                prop_assert!(doubt > 0.0 && doubt <= rate.spread.powi(2) * 1.01);
            }
            let stored = serde_json::from_value::<Estimator>(serde_json::to_value(&estimator).unwrap()).unwrap();
            prop_assert_eq!(&stored, &estimator);
        }
    }

    /// More text never has fewer tokens, whatever was learned.
    #[test]
    fn more_text_is_not_cheaper(
        begin in "([a-zA-Z]{1,9}|[0-9]{1,3}|[-+.\"{}]{1,3}|[ \n]{1,3}|[的é🙂カ한]){0,12}",
        end in "([a-zA-Z]{1,9}|[0-9]{1,3}|[-+.\"{}]{1,3}|[ \n]{1,3}|[的é🙂カ한]){0,12}",
        reports in prop::collection::vec((any_prompt(), 0.2_f64..5.0), 0..20),
    ) {
        let mut estimator = Estimator::default();
        for (features, factor) in reports {
            let near = (f64::from(estimator.estimate(&features)) * factor).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
            estimator.learn(&features, near as u32);
        }
        let estimate = |text: &str| estimator.estimate(&Features::of_text(text));
        let whole = format!("{begin}{end}");
        prop_assert!(estimate(&whole) >= estimate(&begin));
    }

    /// Honest reports of any model lead to estimates that are near for prompts like those that were reported.
    #[test]
    fn honest_reports_are_learned(
        shares in prop::array::uniform15(0.0_f64..1.0),
        prompts in prop::collection::vec(any_prompt(), 10..20),
    ) {
        let model = model(shares);
        let (learned, held_out) = prompts.split_at(prompts.len() - 1);
        let mut estimator = Estimator::default();
        for _ in 0..3 {
            for features in learned {
                estimator.learn(features, tokens_of(&model, features));
            }
        }
        for features in learned {
            prop_assert!(off_by(&estimator, features, tokens_of(&model, features)) < 0.10);
        }
        let tokens = tokens_of(&model, &held_out[0]);
        prop_assert!(tokens < 100 || off_by(&estimator, &held_out[0], tokens) < 0.15);
    }
}
