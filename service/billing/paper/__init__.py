"""How documents look: HTML, PDF, the XML of EN 16931, the CSV of their calls. Made from a `Document` alone."""
