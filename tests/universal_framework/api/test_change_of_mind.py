"""What a user expects who changes their mind, through the service: what was asked for before is not forgotten."""

from __future__ import annotations

import asyncio

import pytest

from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.strategy_generator import StrategyGenerator, corrected
from universal_framework.contracts.llm import LLMResponse
from universal_framework.contracts.state import EmailDraft, Requirements, Strategy

WRITTEN = (
    "Write an email to my team about the office move. Friendly tone. Mention that desks must be packed by Thursday.",
    "yes",
    "yes",
)


def test_changes_of_a_written_email_add_up(client, talk):
    answer = talk(
        client,
        *WRITTEN,
        "make it more formal",
        "add that parking is free on that day",
        "send it to the board instead",
        "change the subject to Moving day",
        "Shorter, please",
    )
    assert answer["email"]["subject"] == "Moving day"
    body = answer["email"]["body"]
    assert body.startswith("Dear board,")
    assert all(part in body for part in ("desks must be packed by Thursday", "parking is free on that day", "Yours"))
    assert "To take up" not in body
    assert body.count("parking") == 1
    answer = talk(client, "remove the part about desks", session_id=answer["session_id"])
    assert "desks" not in answer["email"]["body"]


def test_a_change_that_was_made_is_not_repeated_in_the_plan(client, talk):
    answer = talk(client, WRITTEN[0], "Actually make it formal instead")
    assert (answer["strategy"]["tone"], answer["strategy"]["revision"]) == ("formal", 2)
    assert "formal" not in str(answer["strategy"]["outline"])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_bare_no_is_asked_back_and_loses_nothing(client, talk, steps):
    before = talk(client, *WRITTEN[:steps])
    answer = talk(client, "No", session_id=before["session_id"])
    assert answer["reply"].startswith("What shall I change")
    assert (answer["strategy"], answer["email"]) == (before["strategy"], before["email"])
    assert answer["phase"] == {1: "strategy", 2: "strategy", 3: "email"}[steps]
    assert talk(client, "make it formal", session_id=before["session_id"])["strategy"]["tone"] == "formal"


@pytest.mark.parametrize("steps", range(4))
def test_who_talks_of_something_else_is_asked_what_we_wait_for(client, talk, steps):
    texts = ("What should your e-mail be about?", "Does the plan fit", "Shall I write it now", "need another?")
    assert texts[steps] in talk(client, *WRITTEN[:steps], "what is the capital of France?")["reply"]


@pytest.mark.parametrize(
    "said", ["Forget it, start again", "never mind, let's start over", "scratch that; start over."]
)
def test_starting_over_in_two_words(client, talk, said):
    assert talk(client, WRITTEN[0], said)["intent"] == "reset"


def test_a_bare_answer_to_our_question_is_the_topic(client, talk):
    assert "topic" not in talk(client, "I need an email", "quarterly results")["missing"]


def test_people_keep_their_place(client, talk):
    answer = talk(client, "I need an email about cake", "everyone in the Berlin office, casual, it is free")
    assert "to everyone in the Berlin office about cake" in answer["reply"]


# -- what a model is told ---------------------------------------------------------------------------------------------

NEEDS = Requirements(topic="tea", audience="all", tone="warm", key_points=("it is hot",))
PLAN = Strategy(subject_line="Tea time", summary="s", outline=("Begin with a joke", "it is hot", "End"), tone="warm")


class Hears:
    """A model that remembers what it was asked."""

    label = "openai"

    async def complete(self, request, /):
        self.prompt = request.prompt
        return LLMResponse(text="Subject: Tea\n\n- one", provider="openai", model="m", words=4)


def test_a_model_is_shown_what_it_is_to_change():
    model = Hears()
    asyncio.run(StrategyGenerator(model).generate(NEEDS, previous=PLAN, feedback="shorter", taken_up=True))
    assert all(part in model.prompt for part in ("Begin with a joke", '"Tea time"', '"shorter"'))
    draft = EmailDraft(subject="Tea", body="A goat walks into a bar.")
    asyncio.run(EmailGenerator(model).generate(NEEDS, PLAN, "shorter", previous=draft))
    assert all(part in model.prompt for part in ("A goat walks", '"shorter"'))
    asyncio.run(EmailGenerator(model).generate(NEEDS, PLAN))
    assert "goat" not in model.prompt


def test_an_approved_plan_follows_its_requirements():
    after = NEEDS.model_copy(update={"tone": "formal", "topic": "coffee", "key_points": ("it is black",)})
    plan = corrected(PLAN, NEEDS, after)
    assert (plan.tone, plan.subject_line) == ("formal", "Coffee")
    assert plan.outline == ("Begin with a joke", "it is black", "End")
    assert corrected(PLAN, NEEDS, NEEDS) == PLAN


def test_one_word_is_a_change(client, talk):
    answer = talk(client, WRITTEN[0], "formal")
    assert (answer["intent"], answer["strategy"]["tone"]) == ("revise", "formal")
