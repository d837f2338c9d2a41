"""The page at ``/`` in a headless Chromium: the conversation, the state, and nothing of a user's text that executes."""

import os
import re
import shutil
import urllib.request

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("chromedriver")]

CANARIES = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=2>",
    "</pre><svg onload=window.pwned=3>",
    "javascript:window.pwned=4",
    "\"><iframe srcdoc='<script>parent.pwned=5</script>'>",
    "{{constructor.constructor('window.pwned=6')()}}",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--no-first-run", f"--user-data-dir={profile}", "--window-size=1200,900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"), env={**os.environ, "HOME": str(profile)})
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, shared_service):
    browser.get(shared_service.url)
    wait(browser, lambda: text(browser, "badge") == "ready")
    return browser


def text(browser, name):
    return browser.find_element(By.ID, name).text


def wait(browser, condition):
    WebDriverWait(browser, 30, poll_frequency=0.05).until(lambda _: condition())


def replies(browser):
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#log .assistant")]


def send(browser, message):
    before = len(browser.find_elements(By.CSS_SELECTOR, "#log .assistant, #log .error"))
    browser.find_element(By.ID, "message").send_keys(message)
    browser.find_element(By.ID, "send").click()
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#log .assistant, #log .error")) > before)


def complaints(browser):
    """Return what the browser refused or what failed, in its console."""
    return [one["message"] for one in browser.get_log("browser") if one["level"] == "SEVERE"]


def test_four_messages_show_a_draft_the_state_health_and_metrics(page, conversation):
    complaints(page)
    for message in conversation:
        send(page, message)
    assert len(replies(page)) == 4
    assert "office move" in text(page, "subject").lower()
    assert "pack your desk by Thursday" in text(page, "body")
    assert page.find_element(By.CSS_SELECTOR, "#phases [aria-current]").text == "e-mail"
    wait(page, lambda: "complete\nyes" in text(page, "session"))
    assert "turn\n4" in text(page, "session")
    assert "ready\nready" in text(page, "health")
    wait(page, lambda: re.search(r"workflow completed total\n[1-9]", text(page, "metrics")))
    assert text(page, "degraded") == ""
    assert complaints(page) == []


def test_live_metrics_move_without_a_reload(page, conversation):
    def started():
        found = re.search(r"http requests total\n(\d+)", text(page, "metrics"))
        return int(found[1]) if found else 0

    wait(page, lambda: started() > 0)
    before = started()
    send(page, conversation[0])
    wait(page, lambda: started() > before)


def test_nothing_that_a_user_types_executes(page):
    for canary in CANARIES:
        send(page, f"I need an email about {canary}")
        send(page, f"Topic: {canary}. Audience: {canary}. Tone: friendly. Key points: {canary}; two")
        send(page, "That sounds good")
        send(page, "Yes, please write it now")
        assert canary in page.find_element(By.ID, "log").text
        page.find_element(By.ID, "fresh").click()
    assert page.execute_script("return window.pwned") is None
    assert (
        page.execute_script("return document.querySelectorAll('#log img, #log iframe, #log svg, #log script').length")
        == 0
    )
    assert complaints(page) == []


def test_the_policy_of_the_page_stops_what_would_get_in_all_the_same(page):
    attempts = (
        "const s=document.createElement('script');s.textContent='window.pwned=7';document.body.append(s)",
        "document.body.insertAdjacentHTML('beforeend','<img src=x onerror=window.pwned=8>')",
        "const s=document.createElement('script');s.src='https://example.invalid/x.js';document.body.append(s)",
        "const f=document.createElement('iframe');f.src='https://example.invalid/';document.body.append(f)",
        "fetch('https://example.invalid/').catch(()=>0)",
    )
    for attempt in attempts:
        page.execute_script(f"try {{ {attempt} }} catch (refused) {{ }}")
    assert page.execute_script("return window.pwned") is None
    assert complaints(page)


def test_an_error_is_shown_with_its_code_and_the_page_goes_on(page, conversation):
    page.execute_script("arguments[0].value = 'x'.repeat(4400)", page.find_element(By.ID, "message"))
    send(page, "x" * 200)
    assert "invalid_input" in page.find_element(By.CSS_SELECTOR, "#log .error").text
    send(page, conversation[0])
    assert len(replies(page)) == 1


def test_enter_sends_and_a_new_conversation_is_another_session(page, conversation):
    page.find_element(By.ID, "message").send_keys(conversation[0] + Keys.ENTER)
    wait(page, lambda: len(replies(page)) == 1)
    wait(page, lambda: "turn\n1" in text(page, "session"))
    page.find_element(By.ID, "fresh").click()
    assert replies(page) == []
    wait(page, lambda: "none yet" in text(page, "session"))


def test_a_service_that_is_gone_is_said(browser, serve):
    service = serve()
    browser.get(service.url)
    wait(browser, lambda: text(browser, "badge") == "ready")
    service.stop()
    send(browser, "hello")
    assert "does not answer" in browser.find_element(By.CSS_SELECTOR, "#log .error").text
    wait(browser, lambda: text(browser, "badge") == "no answer")


def test_the_page_asks_nobody_else_and_says_so(shared_service):
    with urllib.request.urlopen(shared_service.url, timeout=30) as answer:
        body, policy = answer.read().decode(), answer.headers["content-security-policy"]
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)(https?:|//)", body) == []
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
