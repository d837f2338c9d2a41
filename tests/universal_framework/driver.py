"""Drive the migrated application through its API with secrets in every place that a client can fill.

``driver.py own|house LOG_FILE TRAIL``: with the application's own logging (structlog), or with the house's.
"""

from __future__ import annotations

import json
import logging
import sys

from fastapi.testclient import TestClient

from universal_framework.api.app import create_app
from universal_framework.config.settings import Settings
from universal_framework.observability import logging_setup
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

CANARIES = json.loads(sys.stdin.read())
URL = "/api/workflow"


def drive(client: TestClient) -> int:
    """Send every canary as message, key, session, header, query and path; return how many answers there were."""
    answers = 0
    for canary in CANARIES:
        session = None
        for message in (
            f"I need an email about {canary}",
            f"Audience: {canary}. Tone: friendly. Key points: write to {canary}; call {canary}",
            "That sounds good",
            "Yes, please write it now",
        ):
            answer = client.post(f"{URL}/execute", json={"message": message, "session_id": session})
            answers += 1
            if answer.status_code == 200:
                session = answer.json()["session_id"]
        for session_id in (canary, session):
            client.get(f"{URL}/sessions/{session_id}")
            client.delete(f"{URL}/sessions/{session_id}")
        client.post(f"{URL}/execute", json={"message": canary, "session_id": canary})
        client.post(f"{URL}/execute", json={canary: canary})
        client.post(f"{URL}/execute", content=canary.encode(), headers={"content-type": "application/json"})
        client.get(f"{URL}/nothing", params={"token": canary}, headers={"authorization": f"Bearer {canary}"})
        answers += 8
    return answers


def report_everywhere() -> None:
    """What a careless developer of the application would write."""
    logger = UniversalFrameworkLogger("careless", name="universal_framework.careless")
    plain = logging.getLogger("somebody.elses.package")
    for canary in CANARIES:
        logger.info(f"message {canary}")  # noqa: G004 - careless on purpose
        logger.warning("argument %s and %r", canary, {"inner": [canary]})
        logger.bind(bound=canary).info("bound", nested={"deep": [{"er": canary}]}, raw=canary.encode())
        logger.info("extra", extra={"attribute": canary})
        plain.error("not migrated: %s", canary)
        try:
            try:
                raise ValueError(f"cause {canary}")
            except ValueError as error:
                raise RuntimeError(f"effect {canary}") from error
        except RuntimeError:
            logger.exception("failed")
            plain.exception("failed")
        logger.audit("export", subject=canary)
        logger.log_session_event(canary, "closed")


def main(setup: str, log_file: str, trail: str) -> None:
    with configure_logging(
        destination=log_file, format="json", level="DEBUG", audit={"directory": trail, "level": "INFO"}
    ):
        settings = Settings.model_validate({"storage": {"backend": "memory"}})
        if setup == "own":
            logging_setup.configure_logging()
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            answers = drive(client)
        if setup == "house":
            report_everywhere()
    print(f"{answers} answers", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
