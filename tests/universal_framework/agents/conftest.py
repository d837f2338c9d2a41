"""A conversation with the agents alone, a model that says what it is told to, and how much work something is."""

from __future__ import annotations

import asyncio
import time

import pytest

from universal_framework.agents.confirmation import ask_confirmation, present_strategy
from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain, was_asked
from universal_framework.agents.intent_classifier import IntentClassifier
from universal_framework.agents.requirements_collector import collect, question_for
from universal_framework.agents.strategy_generator import StrategyGenerator
from universal_framework.contracts.llm import LLMResponse
from universal_framework.contracts.state import (
    Intent,
    Message,
    Requirements,
    Role,
    UniversalWorkflowState,
    WorkflowPhase,
)
from universal_framework.errors import LLMError
from universal_framework.llm.providers import SimulationProvider

COMPLETE = Requirements(
    topic="the office move",
    audience="all staff",
    tone="friendly",
    key_points=("pack your desk", "labels are at reception"),
)


@pytest.fixture
def requirements():
    return COMPLETE


class Told:
    """A model that answers with a text, or fails with an error."""

    label = "told"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    async def complete(self, request, /):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return LLMResponse(text=self.answer, provider=self.label, model="told-1", words=len(self.answer.split()))

    async def check(self):
        """Always there."""

    async def aclose(self):
        """Nothing to close."""


@pytest.fixture
def told():
    return Told


@pytest.fixture
def failing():
    return Told(LLMError("llm.unreachable", retryable=True))


class Conversation:
    """What the service does with the agents, without the service."""

    def __init__(self, llm):
        self.chain = IntentAnalyzerChain(IntentClassifier(llm))
        self.strategies, self.emails = StrategyGenerator(llm), EmailGenerator(llm)
        self.state = UniversalWorkflowState.new("s1")

    def say(self, *texts):
        for text in texts:
            self._put(messages=[*self.state.messages, Message(role=Role.USER, content=text)])
            self._asked = was_asked(self.state)
            intent = asyncio.run(self.chain.analyse(text, self.state))
            self._put(last_intent=intent)
            reply = asyncio.run(self._reply(intent.intent, text))
            self._put(messages=[*self.state.messages, Message(role=Role.ASSISTANT, content=reply)])
        return self.state

    @property
    def said(self):
        return self.state.messages[-1].content

    def _put(self, **changes):
        self.state = self.state.model_copy(update=changes)

    async def _reply(self, intent, text):
        if intent is Intent.HELP:
            return "I write e-mails with you."
        if intent is Intent.OFF_TOPIC:
            return "I can only help with e-mails. What should your e-mail be about?"
        if intent is Intent.RESET:
            self.state = UniversalWorkflowState.new("s1")
            return "Let us start over. What should your e-mail be about?"
        return await getattr(self, f"_{self.state.phase.value}")(intent, text)

    async def _requirements(self, _intent, text):
        self._put(requirements=collect(self.state.requirements, text, asked=self._asked))
        if not self.state.requirements.complete:
            return question_for(self.state.requirements)
        return await self._plan(None)

    async def _plan(self, feedback):
        strategy = await self.strategies.generate(
            self.state.requirements, previous=self.state.strategy, feedback=feedback
        )
        self._put(strategy=strategy, phase=WorkflowPhase.STRATEGY)
        return present_strategy(strategy)

    async def _strategy(self, intent, text):
        if intent is Intent.APPROVE:
            self._put(phase=WorkflowPhase.CONFIRMATION)
            return ask_confirmation(self.state.requirements, self.state.strategy)
        self._put(requirements=collect(self.state.requirements, text))
        return await self._plan(text)

    async def _confirmation(self, intent, text):
        return await (self._write(None) if intent is Intent.APPROVE else self._strategy(intent, text))

    async def _write(self, feedback):
        draft = await self.emails.generate(self.state.requirements, self.state.strategy, feedback)
        self._put(email=draft, phase=WorkflowPhase.EMAIL, confirmed=True)
        return draft.body

    async def _email(self, intent, text):
        if intent is Intent.APPROVE:
            return "Glad to hear that."
        if intent is Intent.EMAIL_REQUEST:
            self._put(phase=WorkflowPhase.REQUIREMENTS, requirements=Requirements(), strategy=None, email=None)
            return await self._requirements(intent, text)
        return await self._write(text)


@pytest.fixture
def talk():
    """Begin conversations; without a model given, with the simulation."""
    return lambda llm=None: Conversation(llm or SimulationProvider())


@pytest.fixture(scope="session")
def steps():
    """Return how much work something is, in CPU time: the least of three runs."""

    def steps(work, runs=3):
        def once():
            begun = time.process_time_ns()
            work()
            return time.process_time_ns() - begun

        return min(once() for _ in range(runs)) or 1

    return steps
