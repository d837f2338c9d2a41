"""Requests that are executed in the background, and their results.

A job belongs to its owner and lives in this process. At most `running` run at once, and at most `capacity` are
remembered; the oldest finished ones are forgotten first. The end of the service waits for those that run.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from universal_framework.api.refusals import busy
from universal_framework.contracts.api import ErrorBody, ExecuteResponse, JobView
from universal_framework.errors import JobNotFoundError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("jobs")


class JobStatus(StrEnum):
    """Life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One request in the background."""

    owner: str
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: JobStatus = JobStatus.QUEUED
    response: ExecuteResponse | None = None
    error: ErrorBody | None = None

    @property
    def finished(self) -> bool:
        """Whether its result is there."""
        return self.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}

    def view(self) -> JobView:
        """Return the job as a client sees it."""
        return JobView(job_id=self.job_id, status=self.status.value, response=self.response, error=self.error)


class JobRegistry:
    """The jobs of this process.

    Args:
        capacity: How many are remembered.
        running: How many may run at once.
    """

    def __init__(self, *, capacity: int = 500, running: int = 50) -> None:
        self._capacity = capacity
        self._running = running
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, owner: str, work: Callable[[Job], Awaitable[None]]) -> Job:
        """Return a new job that does `work`.

        Raises:
            RefusalError: Too many run.
        """
        if len(self._tasks) >= self._running:
            logger.warning("jobs_exhausted", running=len(self._tasks))
            raise busy()
        job = Job(owner)
        self._jobs[job.job_id] = job
        self._forget()
        task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def get(self, job_id: str, owner: str) -> Job:
        """Return a job.

        Raises:
            JobNotFoundError: It never existed, is forgotten, or is somebody else's.
        """
        job = self._jobs.get(job_id)
        if job is None or job.owner != owner:
            raise JobNotFoundError("no such job")
        return job

    async def finish(self, seconds: float) -> None:
        """Wait for the jobs that run; after `seconds`, cancel them."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            logger.warning("jobs_cancelled", jobs=len(late))
            await asyncio.wait(late, timeout=1)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
        job.status = JobStatus.RUNNING
        try:
            await work(job)
        finally:
            if not job.finished:
                job.status = JobStatus.FAILED

    def _forget(self) -> None:
        surplus = len(self._jobs) - self._capacity
        if surplus > 0:
            for old in [job for job in self._jobs.values() if job.finished][:surplus]:
                del self._jobs[old.job_id]
