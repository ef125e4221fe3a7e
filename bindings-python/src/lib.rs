//! The extension module of the Python package `doorward`.

use pyo3::prelude::*;

#[pymodule]
mod _doorward {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
