"""Delta: the only place that reads or writes its tables, one idea a file. Begin with ``lakehouse``."""
