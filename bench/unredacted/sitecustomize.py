"""For `bench/fidelity.py`: no redaction in any process that has this folder on its path.

The runtime has no switch for that, on purpose. What is measured is the migration alone: a test that asserts on a
password in the output is lost by redaction, not by the migration.
"""

from universal_framework.observability import _pipeline


class _Nothing:
    """A redactor that finds nothing."""

    def knows_id(self, text):
        return True

    def may_hold(self, rendered):
        return False

    def sensitive_key(self, key):
        return False

    def clean_names(self, names):
        return True

    def text(self, given):
        return given

    value = fields = exception_text = text


def _no_policy(policy):
    return _Nothing()


_pipeline._compiled = _no_policy
