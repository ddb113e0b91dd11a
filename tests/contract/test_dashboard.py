"""The dashboard and the contract's page in a real Chromium: what a person does there, with the mouse and with the keyboard alone."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fixtures import BUILD, PATIENT, Stack, own_ports
from records import coupon
from stack import TOP
from wire import NDJSON, Wire, lines, rows

AXE = TOP / ".deps" / "contract" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to keep them in: docs/images for the README
PATIENCE_S = 150
DESK, PHONE = (1360, 900), (390, 844)
FIXTURES = ["premier-league-2526.csv", "serie-a-2526.csv", "la-liga-2526.csv"]


class Page:
    """A tab of Chromium, with waiting for what a person would wait for."""

    def __init__(self, driver: webdriver.Chrome, base_url: str) -> None:
        self.driver = driver
        self.base_url = base_url

    def __call__(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def text(self, selector: str) -> str:
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", selector).strip()

    def click(self, selector: str) -> None:
        """A click in the middle of the element, as the mouse does it."""
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", self(selector))
        self(selector).click()

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = holds()
            except StaleElementReferenceException:
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}\n{self.script('return document.body.innerText')[:3000]}"
            time.sleep(0.1)

    def size(self, width: int, height: int) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def prefer(self, theme: str) -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": theme},
                                                  {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def open(self, path: str) -> None:
        self.driver.get(self.base_url + path)

    def log_in(self, key: str) -> None:
        self.open("/dashboard")
        self("#key").send_keys(key + Keys.ENTER)
        self.until("logged in", lambda: self("#app").is_displayed() and self.text("#state") == "Live")

    def errors(self) -> list[str]:
        """What the browser complains about: scripts, and what the content policy refused. Answers 4xx are the tests' own."""
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [one for one in said if "the server responded with a status of" not in one and "net::ERR_" not in one]

    def axe(self) -> list[str]:
        """Findings of axe-core that are serious or worse."""
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
        found = self.driver.execute_async_script("axe.run().then((result) => arguments[0](result.violations))")
        return [f"{one['id']}: {one['help']}: {node['target']} {node['failureSummary']}" for one in found
                if one["impact"] in ("serious", "critical") for node in one["nodes"]]

    def screenshot(self, name: str, folder: Path) -> None:
        path = Path(SCREENSHOTS or folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(path)) and path.stat().st_size > 10_000


@pytest.fixture(scope="module")
def stack(servers: Any, state_dir: Path) -> Iterator[Stack]:
    """An application that holds nothing but what is shown here."""
    port, ops_port = own_ports(2)
    app = Stack(state_dir / "dashboard", *servers, port, ops_port, {"ANONYMOUS_COMPANY": Stack.company, "KAFKA_PARTITIONS": "4", **PATIENT},
                name=f"tipster_dashboard_{os.getpid()}", build_dir=BUILD)
    try:
        yield app.start()
    finally:
        app.stop()
        app.drop()


@pytest.fixture(scope="module")
def key(stack: Any) -> str:
    return stack.key(Stack.company)


@pytest.fixture(scope="module")
def seeded(stack: Any, key: str) -> Wire:
    """A company with real fixtures, made-up users, and rejects; its wire carries the key."""
    files = [str(TOP / "data" / "football" / name) for name in FIXTURES]
    stack.run("import", "fixtures", *files, "--shift-to", "today", "--to", stack.base_url)
    stack.run("generate", "--users", "200", "--coupons", "3000", "--events-from", "api", "--events", "200",
              "--to", stack.base_url)
    wire = Wire(stack.base_url)
    wire.session.headers["X-API-Key"] = key
    for number in range(4):
        record = coupon(f"twice-{number}", "u1-7", stake=10)
        for stake in (10, 20):
            assert wire.post("/v1/coupons", {**record, "stake": stake}).status_code == 202
    stack.wait_caught_up()
    return wire


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
                     "--no-proxy-server", "--lang=en-GB"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=webdriver.chrome.service.Service(shutil.which("chromedriver")), options=options)
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, stack: Any) -> Iterator[Page]:
    tab = Page(browser, stack.base_url)
    tab.prefer("light")
    tab.size(*DESK)
    browser.get_log("browser")
    yield tab
    assert tab.errors() == []
    browser.get("about:blank")


def show_user(page: Page, user: str) -> None:
    page("#user").clear()
    page("#user").send_keys(user + Keys.ENTER)
    page.until("recommendations", lambda: page.all("#recommendations li[data-event]"))
    page.until("history", lambda: page.all("#history svg"))


def add_first(page: Page) -> str:
    """Adds the first recommended event that is not on the coupon; its id."""
    item = next(one for one in page.all("#recommendations li[data-event]") if one.find_element(By.CSS_SELECTOR, ".add").text == "Add")
    event_id = item.get_attribute("data-event")
    page.click(f'#recommendations li[data-event="{event_id}"] .add')
    return event_id


@pytest.mark.parametrize("scopes, told", [(None, "not valid"), (["read"], "lacks the scope admin")])
def test_a_key_that_will_not_do(page: Page, stack: Any, scopes: Any, told: str) -> None:
    page.open("/dashboard")
    page("#key").send_keys((stack.key(Stack.company, *scopes) if scopes else "tip_wrong") + Keys.ENTER)
    page.until("the reason", lambda: told in page.text("#login-error"))
    assert not page("#app").is_displayed()


def test_every_panel(page: Page, seeded: Wire, key: str, tmp_path: Path) -> None:
    """All figures are those of the interface, and follow what happens; both themes; a phone; what axe-core finds."""
    page.log_in(key)
    stats = seeded.get("/v1/stats").json()
    page.until("tiles", lambda: f"{stats['counts']['coupons']:,}" in page.text("#tiles"))
    for id_ in ("sports", "leagues", "events"):
        page.until(id_, lambda: len(page.all(f"#{id_} .meter")) >= 3)
    assert stats["busiest"]["leagues"][0]["league"] in page.text("#leagues li")
    assert len(page.all("#lag-partitions .cell")) == len(stats["lag"]["partitions"])

    show_user(page, "u1-3")
    add_first(page)
    bet_on = stats["busiest"]["events"][0]["event"]["event_id"]
    for number in itertools.count():  # traffic, until it is drawn
        batch = [coupon(user_id=f"u1-{100 + i % 100}", events=[bet_on]) for i in range(number % 7 * 20 + 20)]
        seeded.post("/v1/coupons", lines(batch), NDJSON)
        seeded.get(f"/v1/recommendations/u1-{number % 200}")
        if page.script("return document.querySelectorAll('#routes tbody tr').length") >= 5 and number > (240 if SCREENSHOTS else 50):
            break
        assert number < 1200, "the routes were not drawn"
        time.sleep(0.1)
    assert "POST /v1/coupons" in page.text("#routes")
    assert all(page.all(f"#{id_} canvas") for id_ in ("chart-records", "chart-lag", "chart-requests"))
    page.until("accepted per second", lambda: any(c in "123456789" for c in page.text("#records-now .key.one")))

    for theme in ("light", "dark"):
        page.prefer(theme)
        page.script("window.scrollTo(0, 0)")
        page.until("the colours to have changed", lambda: page.script("return document.getAnimations().length === 0"))
        assert page.axe() == []
        page.screenshot(f"dashboard-{theme}", tmp_path)
        page.script("document.getElementById('people').scrollIntoView({behavior: 'instant'})")
        page.screenshot(f"recommender-{theme}", tmp_path)
    page.size(*PHONE)
    assert page.script("return document.documentElement.scrollWidth <= innerWidth"), "a phone would have to scroll sideways"
    page.screenshot("dashboard-phone", tmp_path)


def test_rejects(page: Page, seeded: Wire, key: str) -> None:
    page.log_in(key)
    page.until("rejects", lambda: len(page.all("#reject-list li")) >= 4)
    page("#reject-filter").send_keys("twice-2 u1-7")
    page.until("one of them", lambda: len(page.all("#reject-list li")) == 1)
    page.click("#reject-list summary")
    shown = json.loads(page.text("#reject-list pre"))
    assert shown["coupon_id"] == "twice-2" and shown["stake"] == 20
    page.click("#reject-list .payload button")
    page.until("copied", lambda: page.text("#reject-list .payload button") == "Copied")
    page("#reject-filter").clear()
    page("#reject-filter").send_keys("nothing has this")
    page.until("none of them", lambda: not page.all("#reject-list li"))


def test_a_coupon_changes_the_list(page: Page, stack: Any, seeded: Wire, key: str) -> None:
    page.log_in(key)
    show_user(page, "u1-5")
    assert page.all("#recommendations .because li") and page.all("#history .block")
    placed = {add_first(page), add_first(page)}
    page.click("#place")
    page.until("the list has changed", lambda: "changed the recommendations" in page.text("#slip-result"))
    assert not placed & {one.get_attribute("data-event") for one in page.all("#recommendations li")}
    stack.wait_caught_up()
    found = {row[0].decode() for row in rows(stack, "select event_id from selections where company_id = 'demo' and user_id = 'u1-5'"
                                             " and coupon_id like 'dashboard-%%'")}
    assert found == placed


def test_keyboard_only(page: Page, seeded: Wire, key: str) -> None:
    """From the address to a placed coupon without a mouse; the focus is always to be seen."""
    page.open("/dashboard")
    keys = webdriver.ActionChains(page.driver)
    keys.send_keys(key + Keys.ENTER).perform()  # the field has the focus
    page.until("logged in", lambda: page.text("#state") == "Live")

    def tab_to(holds: str) -> None:
        for _ in range(60):
            webdriver.ActionChains(page.driver).send_keys(Keys.TAB).perform()
            assert page.script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
            if page.script(f"return document.activeElement.{holds}"):
                return
        pytest.fail(f"Tab never comes to {holds}")

    tab_to("id === 'user'")
    webdriver.ActionChains(page.driver).send_keys("u1-9" + Keys.ENTER).perform()
    page.until("recommendations", lambda: page.all("#recommendations li[data-event]"))
    tab_to("matches('.add')")
    webdriver.ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    page.until("on the coupon", lambda: page.all("#slip-events li"))
    assert page.script("return document.activeElement.matches('.add')"), "the focus is lost with the list"
    tab_to("id === 'place'")
    webdriver.ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    page.until("placed", lambda: "changed the recommendations" in page.text("#slip-result"))


def test_the_server_restarts_under_the_open_page(browser: webdriver.Chrome, server_factory: Callable[..., Any]) -> None:
    app = server_factory()
    page = Page(browser, app.base_url)
    page.size(*DESK)
    page.log_in(app.key("demo"))
    app.serve.stop()
    page.until("the page says so", lambda: page("#state").get_attribute("class") == "state away")
    assert page("#app").is_displayed()
    app.serve.start()
    page.until("live again without a new log-in", lambda: page.text("#state") == "Live")
    page.click("#logout")
    assert page("#login").is_displayed() and page("#key").get_attribute("value") == ""
    browser.get("about:blank")


def test_the_contract_page_tries_requests(page: Page, seeded: Wire, key: str) -> None:
    page.open("/docs")
    page.until("rendered", lambda: len(page.all(".opblock")) >= 25)
    page.click(".authorize")
    field = page.until("the field for the key", lambda: page.all(".auth-container input"))[0]
    field.send_keys(key)
    page.click(".auth-container .auth.authorize, .auth-btn-wrapper .authorize")
    page.click(".auth-btn-wrapper .btn-done")
    page.click("#operations-Recommend-popularEvents .opblock-summary-control")
    page.until("the form", lambda: page.all("#operations-Recommend-popularEvents .execute"))
    page.click("#operations-Recommend-popularEvents .execute")
    page.until("the answer", lambda: page.text("#operations-Recommend-popularEvents .live-responses-table tbody .response-col_status").startswith("200"))
