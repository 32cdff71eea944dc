//! `convis info`: the program and what it found on this machine.

use convis::kernels::parallel::threads;
use convis::kernels::simd::{Level, level};

use crate::error::Result;
use crate::text::say;

/// Prints version, vector instructions and threads.
pub fn info() -> Result<()> {
    let available: Vec<&str> = Level::available().into_iter().map(Level::name).collect();
    let (version, simd, available) = (env!("CARGO_PKG_VERSION"), level().name(), available.join(", "));
    let threads = threads();
    say(&format!(
        "convis {version}\n\
         SIMD     {simd} (this processor has: {available}; CONVIS_SIMD chooses)\n\
         threads  {threads} (CONVIS_NUM_THREADS or --threads chooses)\n"
    ))
}
