"""What the agents read, from users and from models: any text, bounded, the same when read twice."""

from __future__ import annotations

import asyncio
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.agents import _answers
from universal_framework.agents._text import clean_line, clean_text, quoted
from universal_framework.agents.confirmation import ask_confirmation, present_strategy
from universal_framework.agents.email_generator import MAX_BODY_CHARS, EmailGenerator, parse_draft, template_email
from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain
from universal_framework.agents.intent_classifier import MAX_CHARS, IntentClassifier, normalise, parse_label, score
from universal_framework.agents.requirements_collector import (
    ASSUMED_AUDIENCE,
    ASSUMED_TONE,
    MAX_FIELD_CHARS,
    MAX_POINT_CHARS,
    MAX_POINTS,
    collect,
    question_for,
    split_points,
    wanted_tone,
)
from universal_framework.agents.strategy_generator import (
    MAX_ITEM_CHARS,
    MAX_OUTLINE_ITEMS,
    MAX_SUBJECT_CHARS,
    StrategyGenerator,
    parse_strategy,
    template_strategy,
    usable_feedback,
)
from universal_framework.contracts.state import Intent, Requirements, UniversalWorkflowState, WorkflowPhase
from universal_framework.errors import InvalidInputError, LLMError, PhaseError
from universal_framework.llm.answers import read_answer, seconds_to_wait
from universal_framework.llm.providers import SimulationProvider

COMPLETE = Requirements(
    topic="the office move",
    audience="all staff",
    tone="friendly",
    key_points=("pack your desk", "labels are at reception"),
)
WORDS = (  # noqa: SIM905 - a list of words reads as text
    "I need an e-mail about to for all staff the Audience: Tone: Key points: ; , . ? - friendly less formal mention and "
    'yes no not send it write Subject: ** ``` { } " reset help 100 words \n \u200b \ud800 é 会議 🎉 remove first point'
).split(" ")
#: Text as people, models and attackers write it.
TEXTS = st.one_of(
    st.text(st.characters()),
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=60).map(" ".join),
)
KNOWN = st.builds(
    Requirements,
    topic=st.none() | st.just("tea"), audience=st.none() | st.just("all"), tone=st.none() | st.just("formal"),
    key_points=st.just(()) | st.just(("one", "two")),
)  # fmt: skip


def is_line(text, limit):
    return len(text) <= limit and len(text.splitlines()) <= 1 and text == clean_line(text, limit)


def parsed(code, parse):
    """Return what `parse` gives, None where it raises the one error that it may raise."""
    try:
        return parse()
    except LLMError as error:
        told = str(error)
    assert told == code
    return None


# -- cleaning --------------------------------------------------------------------------------------------------


@given(TEXTS, st.integers(1, 200))
def test_a_clean_line_is_one_line_and_stays_as_it_is(text, limit):
    line = clean_line(text, limit)
    assert is_line(line, limit)
    line.encode()


@given(TEXTS, st.integers(1, 200))
def test_a_clean_text_is_bounded_and_stays_as_it_is(text, limit):
    clean = clean_text(text, limit)
    assert len(clean) <= limit
    assert clean == clean_text(clean, limit)
    assert "\n\n\n" not in clean
    clean.encode()


def test_what_cannot_be_seen_is_gone_and_what_people_need_stays():
    assert clean_line("a\u202eb\u200bc\ufeff\x00\x1b[1m\U000e0041d", 99) == "abc[1md"
    assert clean_line("👩\u200d👩\u200d👧 می\u200cخواهم", 99) == "👩\u200d👩\u200d👧 می\u200cخواهم"
    assert clean_line("a\u200b\u0301", 9) == "á", "what is next to each other after cleaning is one"
    assert clean_text("a\r\n\r\n\r\n b\u2028c\tx", 99) == "a\n\n b\nc x"


@given(TEXTS)
def test_a_quoted_text_ends_where_it_ends(text):
    assert json.loads(quoted(text)) == text
    assert "\n" not in quoted(text)


# -- requirements ----------------------------------------------------------------------------------------------


@given(KNOWN, TEXTS, st.booleans())
def test_any_message_gives_bounded_requirements(known, text, asked):
    read = collect(known, text, asked=asked)
    for value in (read.topic, read.audience, read.tone):
        assert value is None or (value and is_line(value, MAX_FIELD_CHARS))
    assert len(read.key_points) <= max(MAX_POINTS, len(known.key_points))
    assert all(point and is_line(point, MAX_POINT_CHARS) for point in read.key_points)
    for field in ("topic", "audience", "tone", "key_points"):
        assert bool(getattr(read, field)) or not getattr(known, field), "nothing is forgotten"


@given(TEXTS)
def test_the_same_message_twice_says_the_same(text):
    once = collect(Requirements(), text)
    assert collect(Requirements(), text) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [("I need an email about the office move", {"topic": "the office move"}),
     ("Write a friendly e-mail about the summer party to all colleagues",
      {"topic": "the summer party", "tone": "friendly", "audience": "all colleagues"}),
     ("Tone: Formal. Audience: the board", {"tone": "formal", "audience": "the board"}),
     ("Points: first; second\n- third", {"key_points": ("first", "second", "third")}),
     ("**Audience:** the board\n**Tone:** warm", {"tone": "warm", "audience": "the board"}),
     ("I need an email about 150 words long", {}), ("Nothing to see", {}), ("nice weather today", {}), ("🎉", {}),
     ("an email about cake", {"topic": "cake"}), ("I need an email about the formal dinner", {"topic": "the formal dinner"}),
     ("an email about moving to the new office for all staff", {"topic": "moving to the new office", "audience": "all staff"}),
     ("email to Sarah about the invoice", {"topic": "the invoice", "audience": "Sarah"})],
)  # fmt: skip
def test_requirements_are_read_from_labels_and_free_text(text, expected):
    assert collect(Requirements(), text) == Requirements(**expected)


def test_requirements_given_later_correct_earlier_ones():
    corrected = collect(COMPLETE, "Tone: formal")
    assert (corrected.tone, corrected.topic, COMPLETE.tone) == ("formal", COMPLETE.topic, "friendly")


@pytest.mark.parametrize(
    ("text", "changed"),
    [("make it more formal", {"tone": "formal"}), ("less formal, please", {"tone": "casual"}),
     ("that sounds too formal", {"tone": "casual"}), ("change the subject to We are moving", {"topic": "We are moving"}),
     ("Send it to the board instead", {"audience": "the board"}), ("replace labels with stickers", {"key_points": ("pack your desk", "stickers are at reception")}),
     ("remove the second point", {"key_points": ("pack your desk",)}), ("drop the labels", {"key_points": ("pack your desk",)}),
     ("add a point about parking", {"key_points": (*COMPLETE.key_points, "parking")}), ("remove point 9", {}),
     ("the second point is wrong", {}), ("looks good", {}), ("no", {}), ("make it shorter", {}), ("remove everything", {})],
)  # fmt: skip
def test_a_comment_on_the_plan_changes_what_it_names(text, changed):
    assert collect(COMPLETE, text) == COMPLETE.model_copy(update=changed)


def test_people_are_asked_once():
    asked = Requirements(topic="tea")
    read = collect(asked, "Audience: the board")
    assert (read.audience, read.tone, len(read.key_points)) == ("the board", ASSUMED_TONE, 1)
    assert collect(asked, "Tell them that tea is at five.").audience == ASSUMED_AUDIENCE
    assert collect(asked, "you decide").complete
    assert collect(asked, "friendly").missing() == ["audience", "key points"]
    assert collect(Requirements(), "you decide") == Requirements(), "the topic is never assumed"


def test_question_names_what_is_missing():
    assert "audience, tone and key points" in question_for(Requirements(topic="x"))
    assert question_for(COMPLETE) == "I have everything I need."


@pytest.mark.parametrize(
    ("text", "points"),
    [("a; b\n- c", ("a", "b", "c")), ("20% discount, ends Friday", ("20% discount", "ends Friday")),
     ("1. one 2. two", ("one", "two")), ("We move on Monday. Parking is free.", ("We move on Monday", "Parking is free")),
     ("a, b and the c", ("a", "b", "the c")), ("terms and conditions", ("terms and conditions",)), ("", ()), ("...", ())],
)  # fmt: skip
def test_points_are_split_as_they_are_listed(text, points):
    assert split_points(text) == points


@given(TEXTS)
def test_points_and_tones_of_any_text(text):
    assert all(isinstance(point, str) and point for point in split_points(text))
    assert wanted_tone(text) in ("", wanted_tone(text).lower())


# -- intents ---------------------------------------------------------------------------------------------------


@given(TEXTS)
def test_any_message_is_normal_and_stays_as_it_is(text):
    try:
        normal = normalise(text)
    except InvalidInputError:
        return
    assert is_line(normal, MAX_CHARS)
    assert normalise(normal) == normal


def test_text_is_normalised_and_bounded():
    assert normalise(" Ｈelp\n me ") == "Help me"
    assert len(normalise("a" * (MAX_CHARS + 5))) == MAX_CHARS
    with pytest.raises(InvalidInputError):
        normalise("\t \n")


@given(TEXTS, st.sampled_from(WorkflowPhase))
def test_any_message_has_an_intent(text, phase):
    state = UniversalWorkflowState.new("s1").model_copy(update={"phase": phase, "requirements": COMPLETE})
    chain = IntentAnalyzerChain(IntentClassifier(SimulationProvider()))
    try:
        result = asyncio.run(chain.analyse(text, state))
    except InvalidInputError:
        assert not clean_line(text, MAX_CHARS).strip("\u200c\u200d") or not normalised(text)
        return
    assert result.intent in Intent
    if phase is WorkflowPhase.REQUIREMENTS:
        assert result.intent is not Intent.APPROVE


def normalised(text):
    try:
        return normalise(text)
    except InvalidInputError:
        return ""


def test_scores_are_capped():
    scores = score("Please write an email about it: yes, sounds good, go ahead")
    assert scores[Intent.EMAIL_REQUEST] == 1.0
    assert all(0 < value <= 1 for value in scores.values())


@pytest.mark.parametrize(
    ("text", "intent"),
    [("Intent: APPROVE.", Intent.APPROVE), ("off-topic", Intent.OFF_TOPIC), ("Provide details", Intent.PROVIDE_DETAILS),
     ('{"intent": "email_request"}', Intent.EMAIL_REQUEST), ("**reset**", Intent.RESET), ("no idea", None), ("", None),
     ("approve or reset", None), ("not approve", None), ("I would approve " + "and so on " * 9, None), ("disapprove", None)],
)  # fmt: skip
def test_labels_of_models_are_read_leniently_and_never_guessed(text, intent):
    assert parse_label(text) is intent


@given(TEXTS)
def test_a_label_of_any_text_is_one_of_the_set(text):
    assert parse_label(text) in (None, *Intent)


def test_threshold_is_checked():
    with pytest.raises(ValueError, match="threshold"):
        IntentClassifier(threshold=0.0)


def test_phase_decides_when_nothing_else_does(failing):
    for llm in (None, failing):
        result = asyncio.run(IntentClassifier(llm).classify("hmm", WorkflowPhase.STRATEGY))
        assert (result.intent, result.source) == (Intent.REVISE, "phase")


def test_many_messages_are_classified_and_empty_ones_skipped():
    results = asyncio.run(IntentClassifier().classify_many(["help", " \u3000 ", "reset"], WorkflowPhase.EMAIL))
    assert [result and result.intent for result in results] == [Intent.HELP, None, Intent.RESET]


# -- strategies and drafts -------------------------------------------------------------------------------------


@given(TEXTS)
def test_any_answer_is_a_bounded_strategy_or_an_llm_error(text):
    strategy = parsed("llm.no_outline", lambda: parse_strategy(text, COMPLETE, 1))
    if strategy is None:
        return
    assert is_line(strategy.subject_line, MAX_SUBJECT_CHARS)
    assert strategy.subject_line
    assert 1 <= len(strategy.outline) <= MAX_OUTLINE_ITEMS
    assert all(item and is_line(item, MAX_ITEM_CHARS) for item in strategy.outline)


@given(TEXTS)
def test_any_answer_is_a_bounded_draft_or_an_llm_error(text):
    strategy = template_strategy(COMPLETE, 1)
    draft = parsed("llm.no_body", lambda: parse_draft(text, strategy))
    if draft is None:
        return
    assert is_line(draft.subject, MAX_SUBJECT_CHARS)
    assert draft.subject
    assert draft.body == clean_text(draft.body, MAX_BODY_CHARS)
    assert draft.body


@given(st.text(string.printable, max_size=40), st.text(string.printable, max_size=80))
def test_a_draft_is_what_was_written(subject, body):
    subject, body = clean_line(subject, 40), clean_text(body, 80)
    draft = parse_draft(f"Subject: A{subject}\n\nDear all, {body}", template_strategy(COMPLETE, 1))
    assert draft.subject == clean_line(_answers.plain(f"A{subject}"), 120)
    if "```" not in body and "~~~" not in body:
        assert draft.body == clean_text(f"Dear all, {body}", 200)


@pytest.mark.parametrize(
    "text",
    ["Subject: Tea\nSummary: soon\n- one\n- two", "**Subject:** Tea\n\n## Outline\n1. one\n2) two", "Subject line: “Tea”\n• one\n– two",
     '```json\n{"subject": "Tea", "summary": "x", "outline": ["one", "two"]}\n```', "Sure! Here it is:\nSubject: *Tea*\n* one\n* **two**",
     '{"Subject Line": "Tea", "outline": "one\\ntwo"}', "- Subject: Tea\n- one\n- two"],
)  # fmt: skip
def test_plans_are_read_however_models_write_them(text):
    strategy = parse_strategy(text, COMPLETE, 2)
    assert (strategy.subject_line.strip("*"), strategy.outline, strategy.revision) == ("Tea", ("one", "two"), 2)


@pytest.mark.parametrize(
    "text",
    ["Subject: Tea\n\nHello", "**Subject:** Tea\n\nHello", "Here is your e-mail:\n\nSubject: Tea\n\nHello", "```\nSubject: Tea\n\nHello\n```",
     '{"subject": "Tea", "body": "Hello"}', "Subject: Tea\nBody: Hello", "Subject line: Tea\r\n\r\nHello"],
)  # fmt: skip
def test_drafts_are_read_however_models_write_them(text):
    draft = parse_draft(text, template_strategy(COMPLETE, 1))
    assert (draft.subject, draft.body) == ("Tea", "Hello")


def test_strategy_covers_every_key_point_and_takes_up_feedback():
    generator = StrategyGenerator(SimulationProvider())
    first = asyncio.run(generator.generate(COMPLETE))
    assert set(COMPLETE.key_points) <= set(first.outline)
    assert (first.subject_line, first.revision, first.source) == ("The office move", 1, "simulation")
    second = asyncio.run(generator.generate(COMPLETE, previous=first, feedback="mention parking"))
    assert second.revision == 2
    assert any("mention parking" in item for item in second.outline)


def test_a_point_with_a_semicolon_stays_one_point():
    needs = COMPLETE.model_copy(update={"key_points": ("a; b", "c")})
    strategy = asyncio.run(StrategyGenerator(SimulationProvider()).generate(needs))
    assert "a; b" in strategy.outline


def test_strategy_needs_complete_requirements():
    with pytest.raises(PhaseError, match="audience"):
        asyncio.run(StrategyGenerator(SimulationProvider()).generate(Requirements(topic="x")))


def test_strategy_parser_cuts_long_outlines_and_refuses_empty_ones():
    long = "\n".join(f"{n}. item {n}" for n in range(1, 30))
    assert len(parse_strategy(long, COMPLETE, 1).outline) == MAX_OUTLINE_ITEMS
    with pytest.raises(LLMError, match="outline"):
        parse_strategy("Subject: nothing else", COMPLETE, 1)
    with pytest.raises(LLMError, match="body"):
        parse_draft("Subject: only this", template_strategy(COMPLETE, 1))


def test_templates_need_no_model_and_say_that_they_are_templates():
    strategy = template_strategy(COMPLETE, 3)
    assert (strategy.source, strategy.revision, len(strategy.outline)) == ("template", 3, len(COMPLETE.key_points) + 2)
    draft = template_email(COMPLETE, strategy)
    assert draft.source == "template"
    assert all(point in draft.body for point in COMPLETE.key_points)


def test_a_models_work_is_marked_as_such(told):
    strategy = asyncio.run(StrategyGenerator(told("- one")).generate(COMPLETE))
    draft = asyncio.run(EmailGenerator(told("Hello")).generate(COMPLETE, strategy))
    assert (strategy.source, draft.source) == ("llm", "llm")


@pytest.mark.parametrize(
    ("said", "used"), [("No.", None), ("not yet", None), ("👎", None), (None, None), ("no, add tea", "no, add tea")]
)
def test_a_bare_no_is_no_feedback(said, used):
    assert usable_feedback(said) == used


def test_confirmation_texts_show_the_plan():
    strategy = template_strategy(COMPLETE, 1)
    assert all(item in present_strategy(strategy) for item in strategy.outline)
    assert "2 key points" in ask_confirmation(COMPLETE, strategy)


# -- answers of the API, as bytes ------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "finish_reason", "refusal", "tool_calls", "usage", "text", "model"]),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_answer_or_an_llm_error(body):
    try:
        answer = read_answer(body)
    except LLMError as error:
        kept = str(error)
    else:
        kept = "llm." * bool(answer.text.strip() and answer.text.encode())
    assert kept.startswith("llm.")


@given(st.none() | st.text(max_size=60))
def test_any_retry_after_is_seconds_or_nothing(header):
    seconds = seconds_to_wait(header, now=0.0)
    assert seconds is None or seconds >= 0


# -- work in proportion ----------------------------------------------------------------------------------------

HOSTILE = [
    "about " * 200_000, "a" * 1_000_000, "Audience: " * 100_000, "for all " * 125_000, " " * 1_000_000, "\n" * 1_000_000,
    "the the the " * 80_000, "please, " * 125_000, "tell the team about the team " * 40_000, "no not less more very " * 50_000,
    "1. 2. 3. " * 110_000, "- " * 500_000, "\u0301" * 1_000_000, "write an email " * 70_000, "and the " * 125_000,
    "ﷺ" * 300_000, "{" * 1_000_000, "Subject: " * 110_000, "**" * 500_000, "remove replace with " * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
def test_a_megabyte_costs_no_more_than_its_first_part(steps, text):
    plain = ("I need an email about the office move for all staff, friendly, mention the lift and the stairs. " * 300)[
        :20_000
    ]
    strategy, chain = template_strategy(COMPLETE, 1), IntentAnalyzerChain(IntentClassifier(SimulationProvider()))

    def work(one):
        for known in (Requirements(), Requirements(topic="tea"), COMPLETE):
            collect(known, one)
        asyncio.run(chain.analyse(f"x{one}", UniversalWorkflowState.new("s1")))
        parse_label(one)
        for parse in (lambda: parse_strategy(one, COMPLETE, 1), lambda: parse_draft(one, strategy)):
            try:
                parse()
            except LLMError:
                continue

    usual = steps(lambda: work(plain))
    assert steps(lambda: work(text), runs=1) < 60 * usual


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("an apology to Mr. Smith for the late delivery", ("the late delivery", "Mr Smith", "apologetic")),
        ("Draft a thank-you note to Maria for her help", ("her help", "Maria", None)),
        ("a polite reminder to the tenants that rent is due on Friday", ("rent is due on Friday", "the tenants", "polite")),
        ("Let the whole team know the server will be down, urgent tone", ("the server will be down", "the whole team", "urgent")),
        ("Please announce to all staff that the canteen is closed", ("the canteen is closed", "all staff", None)),
        ("Tell our suppliers we've moved, keep it businesslike", ("we've moved", "our suppliers", "businesslike")),
        ("invite the board to the annual meeting on May 5, formal", ("the annual meeting on May 5", "the board", "formal")),
        ("Write to Dr. Jones about my appointment", ("my appointment", "Dr Jones", None)),
        ("Send an email to Bob about dinner at 7.30", ("dinner at 7.30", "Bob", None)),
        ("a cold email to potential investors introducing our startup", ("our startup", "potential investors", None)),
    ],
)  # fmt: skip
def test_one_sentence_says_what_to_whom_and_how(text, wanted):
    read = collect(Requirements(), text)
    assert (read.topic, read.audience, read.tone) == wanted


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("an email for parents about the trip, it costs 15 euros, we return at 4pm", ("it costs 15 euros", "we return at 4pm")),
        ("Write a farewell email to my colleagues, I'm leaving on 5 May, warm tone", ("I'm leaving on 5 May",)),
        ("Write an email to my team about tea, in a friendly tone, please", ()),
    ],
)  # fmt: skip
def test_what_is_told_in_the_same_breath_is_kept(text, points):
    assert collect(Requirements(), text).key_points[: len(points) or 1] == points


@pytest.mark.parametrize(("text", "tone"), [("friendlier", "friendly"), ("write it again but funnier", "funny")])
def test_a_comparative_is_a_tone(text, tone):
    assert collect(COMPLETE, text).tone == tone


def test_a_plan_gets_other_readers():
    assert collect(COMPLETE, "make the audience developers only").audience == "developers only"
