"""Reports: calls and money summed up by whatever one asks for."""
