use super::*;

/// The valley of Rosenbrock around (1, 1), held-out loss included: it rises again beyond x = 0.9.
struct Valley {
    evaluations: usize,
    held_out: bool,
}

impl Objective for Valley {
    fn evaluate(&mut self, p: &[f64]) -> Result<Evaluation> {
        self.evaluations += 1;
        let (x, y) = (p[0], p[1]);
        let (a, b) = (1.0 - x, y - x * x);
        let gradient = vec![-2.0 * a - 40.0 * x * b, 20.0 * b];
        let validation = self.held_out.then_some((x - 0.5).powi(2));
        Ok(Evaluation { loss: a * a + 10.0 * b * b, gradient, validation })
    }

    fn means(&mut self, p: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        Ok((p.to_vec(), vec![1.0; 2]))
    }
}

fn valley() -> Valley {
    Valley { evaluations: 0, held_out: false }
}

fn coordinates() -> Coordinates {
    Coordinates::new(vec![(Domain::Any, 1.0), (Domain::Positive, 1.0)]).unwrap()
}

#[allow(clippy::unnecessary_wraps)] // what watches has this signature
fn on(_: &Snapshot) -> Result<ControlFlow<()>> {
    Ok(ControlFlow::Continue(()))
}

fn both() -> [Training; 2] {
    let plain = Training { iterations: 300, restarts: 2, seed: 7, ..Training::default() };
    [plain.clone(), Training { method: Method::Lbfgs, iterations: 60, ..plain }]
}

#[test]
fn the_bottom_is_found_and_restarts_end_there_too() {
    for training in [Training { iterations: 5000, ..both()[0].clone() }, both()[1].clone()] {
        let found = training.run(&mut valley(), &coordinates(), &[-0.5, 2.0], None, &mut on).unwrap();
        assert!((found.point[0] - 1.0).abs() < 1e-3 && (found.point[1] - 1.0).abs() < 2e-3, "{found:?}");
        assert_eq!(found.starts.len(), 3);
        assert!(found.starts.iter().all(|start| start.losses[0] > start.losses[start.losses.len() - 1]));
        assert_ne!(found.starts[0].losses[0], found.starts[1].losses[0]);
    }
}

#[test]
fn a_point_known_from_the_line_search_is_not_computed_again() {
    let mut objective = valley();
    let training = Training { restarts: 0, ..both()[1].clone() };
    let found = training.run(&mut objective, &coordinates(), &[-0.5, 2.0], None, &mut on).unwrap();
    // A line search needs about one evaluation; twice as many would be one too many in every iteration.
    assert!(objective.evaluations * 10 < found.starts[0].losses.len() * 18, "{}", objective.evaluations);
}

#[test]
fn the_best_point_of_the_held_out_part_is_kept() {
    let training = Training { iterations: 5000, patience: Some(20), ..Training::default() };
    let mut objective = Valley { held_out: true, ..valley() };
    let found = training.run(&mut objective, &coordinates(), &[0.0, 0.5], None, &mut on).unwrap();
    let start = &found.starts[0];
    assert_eq!((start.ended, start.losses.len() - 1 - start.best.unwrap()), (Ended::Patience, 20));
    assert!((found.point[0] - 0.5).abs() < 0.02, "{found:?}");
    assert_eq!(found.validation, start.validations.get(start.best.unwrap()).copied());
}

#[test]
fn an_interrupted_training_goes_on_as_if_nothing_had_happened() {
    for training in both() {
        let mut whole = valley();
        let expected = training.run(&mut whole, &coordinates(), &[-0.5, 2.0], None, &mut on).unwrap();
        for stop in [1, 5, 17, 70, 400] {
            let mut looks = 0;
            let mut kept = None;
            training
                .run(&mut valley(), &coordinates(), &[-0.5, 2.0], None, &mut |now| {
                    looks += 1;
                    kept = Some(now.arrays());
                    Ok(if looks == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
                .unwrap();
            let kept = Snapshot::from_arrays(&kept.unwrap()).unwrap();
            let found =
                training.run(&mut valley(), &coordinates(), &[9.0, 9.0], Some(kept), &mut on).unwrap();
            assert_eq!(found, expected, "{stop}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_fit_is_refused() {
    let [adam, lbfgs] = both();
    let mut kept = None;
    adam.run(&mut valley(), &coordinates(), &[0.0, 2.0], None, &mut |now| {
        kept = Some(now.clone());
        Ok(ControlFlow::Break(()))
    })
    .unwrap();
    let refused = |training: &Training, coordinates: &Coordinates, start: &[f64]| {
        let error = training.run(&mut valley(), coordinates, start, kept.clone(), &mut on).unwrap_err();
        error.to_string()
    };
    assert!(refused(&lbfgs, &coordinates(), &[0.0, 2.0]).contains("another optimizer"));
    assert!(
        refused(&Training { seed: 8, ..adam.clone() }, &coordinates(), &[0.0, 2.0]).contains("another seed")
    );
    let other = Coordinates::new(vec![(Domain::Any, 1.0); 2]).unwrap();
    assert!(refused(&adam, &other, &[0.0, 2.0]).contains("free parameters"));
    let mut arrays = kept.clone().unwrap().arrays();
    arrays.remove("now");
    assert!(Snapshot::from_arrays(&arrays).unwrap_err().to_string().contains("now missing"));
}

/// Falls, then explodes.
struct Cliff;

impl Objective for Cliff {
    fn evaluate(&mut self, p: &[f64]) -> Result<Evaluation> {
        let loss = if p[0] > 2.0 { f64::NAN } else { 5.0 - p[0] };
        Ok(Evaluation { loss, gradient: vec![-1.0], validation: None })
    }

    fn means(&mut self, p: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        Ok((p.to_vec(), vec![1.0]))
    }
}

#[test]
fn divergence_ends_a_start_and_the_best_point_is_restored() {
    let line = Coordinates::new(vec![(Domain::Any, 1.0)]).unwrap();
    let training = Training { method: Method::Adam { learning_rate: 0.5 }, ..Training::default() };
    let found = training.run(&mut Cliff, &line, &[0.0], None, &mut on).unwrap();
    assert_eq!(found.starts[0].ended, Ended::Diverged);
    assert!(found.point[0] > 1.4 && found.point[0] <= 2.0 && found.loss.is_finite(), "{found:?}");
    let error = training.run(&mut Cliff, &line, &[3.0], None, &mut on).unwrap_err().to_string();
    assert!(error.contains("start from others"), "{error}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |training: Training, coordinates: &Coordinates, start: &[f64]| {
        training.run(&mut valley(), coordinates, start, None, &mut on).unwrap_err().to_string()
    };
    let none = Coordinates::new(vec![]).unwrap();
    assert!(refused(Training::default(), &none, &[]).contains("free to be fitted"));
    assert!(refused(Training::default(), &coordinates(), &[1.0]).contains("2 numbers"));
    for (training, name) in [
        (Training { iterations: 0, ..Training::default() }, "iterations"),
        (Training { patience: Some(0), ..Training::default() }, "patience"),
        (Training { jitter: f64::NAN, ..Training::default() }, "jitter"),
        (Training { method: Method::Adam { learning_rate: -1.0 }, ..Training::default() }, "lr"),
    ] {
        assert!(refused(training, &coordinates(), &[0.0, 1.0]).contains(name), "{name}");
    }
    assert!(Method::named("adm").unwrap_err().to_string().contains("\"adam\""));
}
