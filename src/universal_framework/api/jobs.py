"""Requests that are executed in the background, and their results."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

from universal_framework.contracts.api import ErrorBody, ExecuteResponse, JobView
from universal_framework.errors import JobNotFoundError


class JobStatus(StrEnum):
    """Life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One request in the background."""

    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: JobStatus = JobStatus.QUEUED
    response: ExecuteResponse | None = None
    error: ErrorBody | None = None

    def view(self) -> JobView:
        """Return the job as a client sees it."""
        return JobView(job_id=self.job_id, status=self.status.value, response=self.response, error=self.error)


class JobRegistry:
    """The jobs of this process; the oldest are forgotten when there are too many."""

    def __init__(self, *, capacity: int = 500) -> None:
        self._capacity = capacity
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def create(self) -> Job:
        """Return a new job."""
        job = Job()
        self._jobs[job.job_id] = job
        while len(self._jobs) > self._capacity:
            self._jobs.popitem(last=False)
        return job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobNotFoundError: it never existed or is forgotten.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFoundError(f"no job {job_id!r}") from None
