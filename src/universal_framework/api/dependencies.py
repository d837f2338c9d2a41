"""The objects that requests share, built once per application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain
from universal_framework.agents.intent_classifier import IntentClassifier
from universal_framework.agents.strategy_generator import StrategyGenerator
from universal_framework.api.jobs import JobRegistry
from universal_framework.compliance.safe_mode import Operation, SafeModeGuard
from universal_framework.config.settings import Settings
from universal_framework.contracts.llm import LLMProvider
from universal_framework.contracts.storage import SessionStore
from universal_framework.llm.providers import create_provider
from universal_framework.observability.otlp_router import HTTPExporter, OTLPRouter
from universal_framework.redis.memory_storage import MemorySessionStorage
from universal_framework.redis.session_storage import RedisSessionStorage
from universal_framework.utils.conversation_history_manager import ConversationHistoryManager
from universal_framework.workflow.orchestrator import WorkflowOrchestrator


@dataclass(slots=True)
class Services:
    """Everything that an endpoint may need."""

    settings: Settings
    store: SessionStore
    llm: LLMProvider
    guard: SafeModeGuard
    chain: IntentAnalyzerChain
    orchestrator: WorkflowOrchestrator
    history: ConversationHistoryManager
    telemetry: OTLPRouter
    jobs: JobRegistry = field(default_factory=JobRegistry)

    async def aclose(self) -> None:
        """Release connections, the storage's last."""
        await self.telemetry.aclose()
        await self.llm.aclose()
        await self.store.aclose()


def build_services(settings: Settings) -> Services:
    """Return the services that the settings ask for.

    Raises:
        ConfigurationError: the settings are incomplete.
        SafeModeViolationError: the settings ask for what safe mode forbids.
    """
    guard = SafeModeGuard(settings.safe_mode)
    if settings.llm.provider == "http":
        guard.require(Operation.EXTERNAL_LLM)
    llm = create_provider(settings.llm)
    store: SessionStore
    match settings.storage.backend:
        case "redis":
            store = RedisSessionStorage.from_settings(settings.storage)
        case "memory":
            store = MemorySessionStorage(ttl_seconds=settings.storage.session_ttl_seconds)
    endpoint = settings.telemetry.otlp_endpoint
    return Services(
        settings=settings,
        store=store,
        llm=llm,
        guard=guard,
        chain=IntentAnalyzerChain(IntentClassifier(llm)),
        orchestrator=WorkflowOrchestrator(
            strategies=StrategyGenerator(llm, allow_fallback=settings.workflow.strategy_fallback),
            emails=EmailGenerator(llm),
            guard=guard,
        ),
        history=ConversationHistoryManager(
            limit=settings.app.history_limit, max_message_chars=settings.app.max_message_chars
        ),
        telemetry=OTLPRouter(HTTPExporter(endpoint) if endpoint else None, batch_size=settings.telemetry.batch_size),
    )


def get_services(request: Request) -> Services:
    """Return the services of the application that serves ``request``."""
    return cast(Services, request.app.state.services)
