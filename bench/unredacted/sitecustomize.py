"""For `bench/fidelity.py`: no redaction in any process that has this folder on its path.

The runtime has no switch for that, on purpose. What is measured is the migration alone: a test that asserts on a
password in the output is lost by redaction, not by the migration.
"""

from universal_framework.observability import _pipeline


class _Nothing:
    """A redactor that finds nothing."""

    text = value = fields = exception_text = staticmethod(lambda given: given)
    knows_id = clean_names = staticmethod(lambda _: True)
    may_hold = sensitive_key = staticmethod(lambda _: False)


_pipeline._compiled = lambda _policy: _Nothing()
