"""An independent reference implementation ("oracle") of docs/specification.md, sections 1 to 9.

Plain Python over lists of dicts: no Spark, no Dagster, no import from the product. Clarity before speed: it
is meant for a few thousand rows. `warehouse.Oracle` is the entry point, `compare` holds real Delta tables
against it, `chaos` writes hostile landing data.
"""

from tests.oracle.warehouse import Oracle

__all__ = ["Oracle"]
