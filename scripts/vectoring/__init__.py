"""Rating vectors of other projects, run through the ratebook: written as YAML, priced by `kambill tariff price`."""
