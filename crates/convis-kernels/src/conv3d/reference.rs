//! The equation of [`Conv3d`], line by line.

use super::Conv3d;
use crate::Operation;

pub(super) fn conv3d(
    conv: &Conv3d,
    inputs: &[&[f64]],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let (x, w, bias) = (inputs[0], inputs[1], inputs[2]);
    let (signal, out) = (conv.signal, conv.output_signal());
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let history = conv.history();
    // Frame `t` of a plane, negative in the history.
    let pixel = |plane: usize, t: isize, p: usize, q: usize| {
        let at = p * signal.width + q;
        if t < 0 {
            let frame = (plane * history) as isize + history as isize + t;
            state[0][frame as usize * signal.pixels() + at]
        } else {
            x[(plane * signal.frames + t as usize) * signal.pixels() + at]
        }
    };
    let clamp = |i: isize, size: usize| i.clamp(0, size as isize - 1) as usize;
    for batch in 0..conv.batch() {
        for o in 0..outputs_n {
            for t in 0..out.frames {
                for p in 0..out.height {
                    for q in 0..out.width {
                        let mut y = bias[o];
                        for i in 0..inputs_n {
                            for a in 0..k {
                                for b in 0..m {
                                    for c in 0..n {
                                        let weight = w[(((o * inputs_n + i) * k + a) * m + b) * n + c];
                                        let row =
                                            clamp((p + b) as isize - conv.before(1) as isize, signal.height);
                                        let column =
                                            clamp((q + c) as isize - conv.before(2) as isize, signal.width);
                                        let t = (t + a) as isize - history as isize;
                                        y += weight * pixel(batch * inputs_n + i, t, row, column);
                                    }
                                }
                            }
                        }
                        let plane = batch * outputs_n + o;
                        output[((plane * out.frames + t) * out.height + p) * out.width + q] = y;
                    }
                }
            }
        }
    }
    if let [after] = state_after {
        for plane in 0..signal.planes {
            for h in 0..history {
                // The last `history` frames of history and movie together.
                let t = (h + signal.frames) as isize - history as isize;
                for p in 0..signal.height {
                    for q in 0..signal.width {
                        after[((plane * history + h) * signal.height + p) * signal.width + q] =
                            pixel(plane, t, p, q);
                    }
                }
            }
        }
    }
}
