"""What people do all day, by clicks and keys in a real Chromium; and that no page is wrong: P1, P2, P5, A2, A15, C9."""

from __future__ import annotations

import time

import pyotp
import pytest
from playwright.async_api import expect

from tests.portal.desk import Clerk, Sit
from tests.portal.house import WICKED
from tests.service.office import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PUSHED = """tables => tables.filter(one => one.clientWidth && one.scrollWidth > one.clientWidth)
    .map(one => one.getAttribute("aria-label"))"""


async def test_a_telephone_is_wide_enough(sit: Sit) -> None:
    """At 360 pixels nothing sticks out, no table has to be pushed aside, and the menu opens."""
    person = await sit("boss@op.example", 360)
    for path in (
        "/", "/accounts", "/accounts/2", "/calls", "/live", "/roles/1", "/accounts/2/lines", "/invoices/1", "/reports",
        "/broadcasts/1", "/accounts/4/dunning", "/bank-lines", "/accounts/6/commission", "/vouchers/new", "/calls/1",
        "/audit", "/mails", "/accounts/5", "/invoices/1/credit/lines", "/reconciliations/1",
        "/accounts/2/mail-templates",
    ):  # fmt: skip
        await person.go(path)
        assert await person.width() <= 360, path
        assert await person.page.eval_on_selector_all(".table-responsive", _PUSHED) == [], path
    await person.check()
    await person.page.click(".kb-burger")
    await expect(person.page.locator("#menu")).to_be_visible()


@pytest.mark.parametrize("has_scripts", [True, False])
async def test_filters_of_a_telephone_are_folded(sit: Sit, has_scripts: bool) -> None:
    """Until somebody opens them, or one is wrong; where one looks for a name, that stands there. Screens have room."""
    person = await sit("boss@op.example", 360, java_script_enabled=has_scripts)
    caller, summary = person.page.locator("#filter-called"), person.page.locator(".kb-fold summary")
    await person.go("/calls")
    await expect(caller).to_be_hidden()
    await summary.click()
    await caller.fill("4930")
    await person.press("Show")
    await expect(caller).to_be_hidden()
    await expect(summary).to_have_text("Filter (1)")
    await person.go("/calls?since=yesterday")
    await expect(caller).to_be_visible()
    await person.go("/accounts")
    await expect(person.page.locator("#filter-name")).to_be_visible()
    await expect(person.page.locator("#filter-kind")).to_be_hidden()
    await person.page.set_viewport_size({"width": 1280, "height": 800})
    await expect(person.page.locator("#filter-kind")).to_be_visible()
    await expect(summary).to_be_hidden()


async def _speak(person: Clerk, language: str) -> None:
    await person.go("/profile/edit")
    await person.page.select_option("#language", language)
    await person.page.locator("main form button[type=submit]").click()
    await expect(person.page.locator("html")).to_have_attribute("lang", language)


async def test_german_fits_a_telephone(sit: Sit) -> None:
    """Its words are longer, and none sticks out."""
    person = await sit("reader@op.example", 360)
    await _speak(person, "de")
    for path in (
        "/", "/accounts/5", "/accounts/4/billing", "/tariffs/5", "/tariffs/3/rates", "/invoices/1", "/broadcasts/1",
        "/accounts/6/commission", "/roles/1", "/gateways/1", "/statements/1",
    ):  # fmt: skip
        await person.go(path)
        assert await person.width() <= 360, path
        await person.check()
    await _speak(person, "en")


async def test_german_tables_fit_a_screen(sit: Sit) -> None:
    """Their headings and what has no blanks give way: nothing has to be pushed aside."""
    boss, somebody, email = await sit("boss@op.example"), await sit(), "administration.of.accounts@operator.example"
    await somebody.accept(await boss.invite("Operator", email, "Read-only"), email)
    person = await sit("reader@op.example", 1280)
    await _speak(person, "de")
    for path in ("/audit", "/accounts/3", "/tariffs/5/changes", "/accounts", "/taxes"):
        await person.go(path)
        assert await person.page.eval_on_selector_all(".table-responsive", _PUSHED) == [], path
    await _speak(person, "en")


@pytest.mark.parametrize("path", ["/", "/accounts/5", "/accounts", "/profile"])
async def test_in_the_dark_everything_can_be_read(sit: Sit, path: str) -> None:
    """As the device has it; with a seller's colour too."""
    person = await sit("owner@lower.example", color_scheme="dark")
    await person.go(path)
    assert await person.page.get_attribute("html", "data-bs-theme") == "dark"
    await person.check()


GRIDS = """() => [...document.querySelectorAll("[data-plot]")].map(place => {
  const probe = document.createElement("i");
  probe.style.color = getComputedStyle(document.documentElement).getPropertyValue("--bs-border-color");
  place.append(probe);
  const wanted = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
  probe.remove();
  const canvas = place.querySelector("canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 255 && wanted.every((part, index) => part === data[at + index])) count += 1;
  }
  return [count, place.querySelectorAll(".uplot").length];
})"""
"""Of each plot: how many of its points have the colour that grids have now, and how often it is drawn."""


async def test_plots_turn_dark_with_the_page(sit: Sit) -> None:
    """Also when the device does so while one looks at them: no bright grid stays, and none is drawn twice."""
    person = await sit("owner@lower.example", color_scheme="light")
    for light in ("light", "dark", "light"):
        await person.page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
        await expect(person.page.locator("html")).to_have_attribute("data-bs-theme", light)
        grids = await person.page.evaluate(GRIDS)
        assert grids, "the overview has plots"
        assert all(count > 500 and drawn == 1 for count, drawn in grids), (light, grids)


async def test_one_finds_an_account_while_typing(sit: Sit) -> None:
    """Without a click; the address says what is shown, so that it can be sent on."""
    person = await sit("boss@op.example")
    await person.go("/accounts")
    await person.page.type("#filter-name", "lowe")
    await expect(person.page.locator("#results tbody tr")).to_have_count(1)
    await expect(person.page.locator("#results tbody")).to_contain_text("lower")
    assert "name=lowe" in person.page.url
    await person.page.click("#results a:has-text('lower')")
    await expect(person.page.locator("h1")).to_have_text("lower")
    await person.check()


async def test_what_was_typed_holds_for_the_file_too(sit: Sit) -> None:
    """The links to files stand outside the list that is exchanged: whoever saves one has what is seen."""
    person = await sit("boss@op.example")
    await person.go("/accounts")
    csv = person.page.get_by_role("link", name="CSV")
    assert await csv.get_attribute("href") == "/accounts.csv"
    await person.page.locator("#filter-name").press_sequentially("agen")
    await expect(person.page.locator("#results tbody tr")).to_have_count(1)
    await expect(csv).to_have_attribute("href", "/accounts.csv?name=agen")
    await person.check()


async def test_lines_of_a_card_begin_below_each_other(sit: Sit) -> None:
    """What stands beside a number in a table is set off from it; on a telephone nothing stands beside it."""
    person = await sit("boss@op.example", width=360)
    await person.go("/accounts")
    cells = person.page.locator(".kb-cards tbody tr:first-child td:visible")
    assert await cells.count() > 3
    paddings = await cells.evaluate_all("cells => cells.map(one => getComputedStyle(one).paddingLeft)")
    assert set(paddings) == {"0px"}


async def test_nothing_can_be_read_after_signing_out(sit: Sit) -> None:
    """The browser's way back leads to the door, not to what stood there."""
    person = await sit("owner@customer.example")
    await person.go("/calls")
    await expect(person.main).to_contain_text("4420")
    await person.leaves()
    await person.page.go_back()
    await expect(person.page.locator("h1")).to_have_text("Sign in")
    await expect(person.main).not_to_contain_text("4420")


async def test_the_menu_shows_where_one_is(sit: Sit) -> None:
    """It is longer than the screen: its line is in sight, also below a long page, and the page begins at its top."""
    person = await sit("boss@op.example")
    for path in ("/deliveries", "/audit"):
        await person.go(path)
        here = person.page.locator("#menu .nav-link.active")
        await expect(here).to_be_in_viewport(ratio=0.9)
        assert await person.page.evaluate("scrollY") == 0
        await person.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(here).to_be_in_viewport(ratio=0.9)
    await person.go("/bans")
    assert await person.page.evaluate("document.documentElement.scrollHeight - innerHeight") == 0


async def test_an_account_is_edited_in_place(sit: Sit) -> None:
    """The form opens where the facts stood; a fault of it stands beside its field."""
    person = await sit("boss@op.example")
    await person.go("/accounts/3")
    section = person.page.locator("section", has=person.page.get_by_role("heading", name="What it is"))
    await section.get_by_role("link", name="Edit").click()
    await expect(section.locator("#channels")).to_be_visible()
    assert person.page.url.endswith("/accounts/3")
    await section.locator("#channels").fill("-5")
    await section.get_by_role("button", name="Save").click()
    await expect(person.page.locator("#channels-errors")).to_be_visible()
    await person.page.fill("#channels", "25")
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator("main")).to_contain_text("The account is changed.")
    await expect(person.page.locator("main")).to_contain_text("25")
    assert [line for line in person.wrong if "422" not in line] == []


async def test_codes_of_vouchers_are_kept_as_a_file(sit: Sit) -> None:
    """Saved by a click, from the page that shows them once."""
    person = await sit("owner@lower.example")
    await person.go("/vouchers/new")
    for name, value in {"name": "Till", "amount": "5", "count": "4"}.items():
        await person.page.fill(f"#{name}", value)
    await person.page.select_option("#account_id", label="lower")
    await person.page.get_by_role("button", name="Make").click()
    await expect(person.page.locator("h1")).to_have_text("Till")
    await person.check()
    async with person.page.expect_download() as saving:
        await person.page.get_by_role("link", name="Save as CSV").click()
    lines = (await (await saving.value).path()).read_text().split()
    assert [line.partition(",")[2] for line in lines] == ["amount,currency", *["5.00,EUR"] * 4]


async def test_a_running_call_is_watched_and_cut(sit: Sit) -> None:
    """Its charge grows by itself; ending it is asked once more."""
    person = await sit("owner@lower.example")
    await person.go("/live")
    row = person.page.locator("#live tbody tr", has_text="answered")
    before = await row.inner_text()
    await expect(row).not_to_have_text(before)
    await person.check()
    await row.get_by_role("link", name="Cut").click()
    await expect(person.page.locator("h1")).to_have_text("Cut this call")
    await person.page.get_by_role("button", name="Cut").click()
    await expect(person.page.locator("main")).to_contain_text("The call is being ended.")


async def test_a_second_factor_is_turned_on_asked_for_and_turned_off(sit: Sit) -> None:
    """With the secret of the page and a clock."""
    email = "owner@agent.example"
    person = await sit(email)
    await person.go("/profile/second-factor")
    await person.page.get_by_role("button", name="Begin").click()
    await expect(person.page.locator(".kb-qr svg")).to_be_visible()
    clock = pyotp.TOTP(await person.page.locator(".kb-secret").inner_text())
    await person.page.fill("#code", "000000")
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator(".invalid-feedback")).to_be_visible()
    person.wrong.clear()
    await person.page.fill("#code", clock.now())
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator("ul.kb-secret li")).to_have_count(10)
    await person.check()
    other = await sit()
    await other.go("/sign-in")
    later = clock.at(time.time() + 30)  # no code opens twice; the next one is taken before its time
    for code, hope in (("", "second factor is missing"), (later, "Overview")):
        await other.page.fill("#email", email)
        await other.page.fill("#password", PASSWORD)
        await other.page.fill("#code", code)
        await other.page.keyboard.press("Enter")
        await expect(other.page.locator("main")).to_contain_text(hope)
    await person.go("/profile/second-factor/off")
    await person.page.fill("#password", PASSWORD)
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator("main")).to_contain_text("The second factor is off.")


async def test_support_logs_in_as_a_customer_and_comes_back(sit: Sit) -> None:
    """From the user's page; every page says so."""
    person = await sit("boss@op.example")
    await person.go("/users")
    await person.page.fill("#filter-email", "owner@customer")
    await person.page.keyboard.press("Enter")
    await person.page.click("#results a:has-text('owner@customer.example')")
    await person.page.get_by_role("link", name="Log in as").click()
    await person.page.get_by_role("button", name="Log in as this user").click()
    await expect(person.page.locator(".kb-acting")).to_contain_text("You are logged in as owner@customer.example")
    await person.page.click("#menu a[href='/devices']")
    await expect(person.page.locator(".kb-acting")).to_be_visible()
    await person.check()
    await person.page.get_by_role("button", name="Back to yourself").click()
    await expect(person.page.locator(".kb-acting")).to_have_count(0)
    assert "/gateways" in await person.menu()


async def test_without_scripts_one_sees_and_submits(sit: Sit) -> None:
    """Sign in, the menu as a page, a filter, a change, sign out."""
    person = await sit("owner@upper.example", 360, java_script_enabled=False)
    await person.page.click(".kb-burger")
    await expect(person.page.locator("h1")).to_have_text("Menu")
    await person.page.click("main a[href='/accounts']")
    await person.page.fill("#filter-name", "lower")
    await person.page.keyboard.press("Enter")
    await person.page.click("#results a:has-text('lower')")
    await person.page.locator("a[href$='/edit']").click()
    await person.page.fill("#cps", "11")
    await person.page.get_by_role("button", name="Save").click()
    await expect(person.page.locator("main")).to_contain_text("The account is changed.")
    await person.page.click(".kb-user")
    await expect(person.page.locator("h1")).to_have_text("Profile")
    await person.page.get_by_role("link", name="Sign out").click()
    await person.page.locator("main button").click()
    await expect(person.page.locator("h1")).to_have_text("Sign in")
    assert person.wrong == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/accounts/5/payment", {"amount": "much", "reason": "x"}),
        ("/trunks/new", {"name": "x", "networks": "nowhere"}),
        ("/vouchers/new", {"name": "x", "amount": "1", "count": "none"}),
        ("/accounts/5/recharge/edit", {"threshold": "1", "amount": "9", "month_max": "2"}),
        ("/balance-alerts/new", {"threshold": "lots"}), ("/taxes/new", {"name": "x", "percent": "much"}),
    ],
)  # fmt: skip
async def test_without_scripts_faults_stand_beside_their_fields(sit: Sit, path: str, fields: dict[str, str]) -> None:
    """Of the main forms; what was typed is still there, and the way back too."""
    person = await sit("boss@op.example", java_script_enabled=False)
    await person.go(path)
    for name, value in fields.items():
        await person.page.locator(f"#{name}").fill(value)
    await person.page.locator("main form[method=post] button.btn-primary").first.click()
    await expect(person.page.locator("main .invalid-feedback, main [role=alert]").first).to_be_visible()
    for name, value in fields.items():
        await expect(person.page.locator(f"#{name}")).to_have_value(value)
    await person.page.go_back()
    assert person.page.url.endswith(path)
    assert person.wrong == [one for one in person.wrong if "4" in one]  # the refusal itself, which the console tells


async def test_without_scripts_the_enter_key_sends_a_form(sit: Sit) -> None:
    """Though a button that only shows choices stands above the one that does it."""
    person = await sit("boss@op.example", java_script_enabled=False)
    await person.go("/trunks/new")
    await expect(person.page.get_by_role("button", name="Show what can be chosen with it")).to_have_count(1)
    await person.page.fill("#networks", "nowhere")
    await person.page.press("#name", "Enter")
    await expect(person.page.locator("main .invalid-feedback").first).to_be_visible()


async def test_without_scripts_lists_are_filtered_sorted_and_turned(sit: Sit) -> None:
    """By their buttons and heads."""
    person = await sit("boss@op.example", java_script_enabled=False)
    for path in (
        "/calls",
        "/invoices",
        "/users",
        "/tariffs",
        "/recharges",
        "/destination-groups",
        "/audit",
        "/reports",
    ):
        await person.go(path)
        await expect(person.page.locator("main h1")).to_be_visible()
        assert person.wrong == []
    await person.go("/accounts")
    await person.page.fill("#filter-name", "upper")
    await person.page.get_by_role("button", name="Show").click()
    await expect(person.page.locator("#results tbody tr")).to_have_count(1)
    await person.go("/accounts")
    await person.page.locator("th a.kb-sort").first.click()
    assert "sort=" in person.page.url


async def test_a_form_that_was_overtaken_overwrites_nothing(sit: Sit) -> None:
    """From another tab it says what stands now, and waits for another click; whoever goes back sees it anew."""
    person = await sit("boss@op.example", java_script_enabled=False)
    other = await person.page.context.new_page()
    path = f"{person.address}/accounts/3/edit"
    await person.page.goto(path)
    await other.goto(path)
    await person.page.fill("#channels", "11")
    await person.page.get_by_role("button", name="Save").click()
    await person.page.wait_for_url("**/accounts/3")
    await other.fill("#channels", "22")
    await other.get_by_role("button", name="Save").click()
    await expect(other.locator("main")).to_contain_text("Meanwhile it became: 11")
    await other.goto(path)
    await expect(other.locator("#channels")).to_have_value("11")
    await person.page.go_back()
    await expect(person.page.locator("#channels")).to_have_value("11")
    await other.goto(path)
    await other.fill("#channels", "")
    await other.get_by_role("button", name="Save").click()
    await other.wait_for_url("**/accounts/3")


async def test_the_first_key_leads_to_the_content(sit: Sit) -> None:
    """Past the menu; and each thing that has the focus shows it."""
    person = await sit("owner@customer.example")
    await person.go("/devices")
    await person.page.keyboard.press("Tab")
    await expect(person.page.locator(".kb-skip")).to_be_focused()
    await person.page.keyboard.press("Enter")
    await person.page.keyboard.press("Tab")
    assert await person.page.evaluate("document.activeElement.closest('main') !== null")


async def test_no_name_runs_as_a_script(sit: Sit) -> None:
    """A user who is called like one."""
    person = await sit("boss@op.example")
    await person.go(f"/users?name={WICKED[:8]}")
    await expect(person.page.locator("#results")).to_contain_text(WICKED)
    await person.check()


async def test_no_other_page_frames_ours(sit: Sit) -> None:
    """Clickjacking: the browser refuses to show it."""
    person = await sit("boss@op.example")
    await person.page.set_content(f'<iframe src="{person.address}/accounts"></iframe>')
    await person.page.wait_for_timeout(500)
    frame = person.page.frames[-1]
    assert await frame.locator("table").count() == 0


async def test_a_plot_has_its_table(sit: Sit) -> None:
    """Drawn, and the same figures to be read."""
    person = await sit("owner@lower.example")
    await expect(person.page.locator(".kb-plot canvas").first).to_be_visible()
    await person.page.locator("summary").first.click()
    await expect(person.page.locator("details table tbody tr").first).to_be_visible()
    assert await person.page.locator(".kb-plot").count() == 3
