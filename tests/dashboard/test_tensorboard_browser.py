"""What TensorBoard shows of three runs: over HTTP, and to somebody with a browser."""

import json
import re
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest

from tests.cli_tools import metrics, run_here, started, until

SMALL = (
    *("control=null", "population.size=16", "population.tile=8", "generations=2"),
    *("lifetime.lives=2", "lifetime.steps=60", "env.delay=10", "record.film_every=1"),
    "best_of_k={keep: 1, lives: 4, archive: 2}",
    "record.hparams=[agent, agent.hidden, agent.activation, population.size, seed]",
)
RUNS = {
    "few": ("agent.hidden=8",),
    "many": ("agent.hidden=8", "population.size=24", "seed=1"),
    "reflex": ("agent={name: reflex, hidden: [4]}",),
}
MAIN = ("fitness/best", "fitness/mean", "fitness/median", "life/late")
TENSORBOARD = [sys.executable, "-m", "tensorboard.main"]
_PATIENCE = 60_000
_TEXTS = """() => {
  const found = [];
  const walk = node => {
    if (["STYLE", "SCRIPT", "TEMPLATE"].includes(node.nodeName)) return;
    if (node.nodeType === 3 && node.textContent.trim())
      found.push(node.textContent.trim());
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  return found;
}"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A folder of three runs."""
    folder = tmp_path_factory.mktemp("sweep")
    for name, words in RUNS.items():
        out = folder / name
        result = run_here("train", "oven", *SMALL, *words, "--ranks", 1, "--out", out)
        assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def site(sweep):
    """The address of a TensorBoard that has read everything."""
    words = ("--logdir", sweep, "--host", "127.0.0.1", "--port", 0)
    with started(*words, "--load_fast=false", command=TENSORBOARD) as server:
        said = map(_address, iter(server.stderr.readline, ""))
        found = next(filter(None, said), None)
        assert found, "TensorBoard did not start"
        address = found.group(1)
        assert until(lambda: len(rows(address)) == len(RUNS))
        yield address


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 2400, "height": 1000})
    opened.set_default_timeout(_PATIENCE)
    yield opened
    opened.close()


def _address(line):
    return re.search(r"(http://127\.0\.0\.1:\d+)/", line)


def asked(url, document=None):
    """What the server answers to a question."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def rows(site, sorted_by=()):
    """The rows of the table of runs that have all their numbers, by run."""
    question = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE"],
        "colParams": [{"hparam": key, "order": "ORDER_DESC"} for key in sorted_by],
        "startIndex": 0,
        "sliceSize": 100,
    }
    answer = asked(f"{site}/data/plugin/hparams/session_groups", question)
    groups = answer.get("sessionGroups", [])
    return {g["name"]: g for g in groups if len(g.get("metricValues", ())) == 6}


def expected(folder):
    """What the files of a run say of its columns."""
    last = metrics(folder)[-1]
    champions = json.loads((folder / "champions" / "champions.json").read_text())
    best = champions["champions"][0]
    ends = {f"champion/{name}": best[name] for name in ("held_out", "gap")}
    return {tag: float(np.float32(last[tag])) for tag in MAIN} | {
        tag: float(np.float32(value)) for tag, value in ends.items()
    }


# --- over HTTP, without a browser


def test_every_scalar_of_every_run_is_served_as_it_was_written(site, sweep):
    for name in RUNS:
        lines = metrics(sweep / name)
        for tag in MAIN:
            words = {"run": f"{name}/tensorboard", "tag": tag}
            for prefix, axis in (("", "generation"), ("by_env_steps/", "env_steps")):
                query = urllib.parse.urlencode({**words, "tag": prefix + tag})
                found = asked(f"{site}/data/plugin/scalars/scalars?{query}")
                wanted = [[line[axis], np.float32(line[tag])] for line in lines]
                assert [point[1:] for point in found] == wanted


def test_the_table_of_runs_holds_the_numbers_of_the_runs(site, sweep):
    table = rows(site)
    assert set(table) == {f"{name}/tensorboard" for name in RUNS}
    known = {"agent", "agent.hidden", "population.size", "seed"}
    extra = {name: {"agent.activation"} if name == "reflex" else set() for name in RUNS}
    for name in RUNS:
        assert set(table[f"{name}/tensorboard"]["hparams"]) == known | extra[name]
    for name in RUNS:
        row = table[f"{name}/tensorboard"]
        found = {item["name"]["tag"]: item["value"] for item in row["metricValues"]}
        assert found == expected(sweep / name)
        assert [session["status"] for session in row["sessions"]] == ["STATUS_SUCCESS"]
    for key, values in (
        ("agent.hidden", [8, 8, "[4]"]),
        ("agent.activation", [None, None, "clip"]),
    ):
        found = [table[f"{name}/tensorboard"]["hparams"].get(key) for name in RUNS]
        assert found == values
    assert table["many/tensorboard"]["hparams"]["population.size"] == 24


def test_rows_can_be_sorted_by_what_not_all_of_them_have(site):
    assert next(iter(rows(site, ["agent.activation"]))) == "reflex/tensorboard"
    assert next(iter(rows(site, ["population.size"]))) == "many/tensorboard"


def test_images_histograms_and_charts_are_served(site):
    images, histograms = (
        asked(f"{site}/data/plugin/{plugin}/tags")
        for plugin in ("images", "histograms")
    )
    for name in RUNS:
        assert {"champion/film", "life/map", "life/curves"} <= set(
            images[f"{name}/tensorboard"]
        )
        assert "fitness/population" in histograms[f"{name}/tensorboard"]
    layout = asked(f"{site}/data/plugin/custom_scalars/layout")
    titles = [
        chart["title"] for group in layout["category"] for chart in group["chart"]
    ]
    assert len(titles) == len(set(titles)) == 8


# --- in a browser


def opened(page, site, tab, *words):
    """Open a tab and wait until every word can be seen; return all texts."""
    page.goto(f"{site}/#{tab}")
    for word in words:
        seen = page.get_by_text(word).locator("visible=true")
        seen.first.wait_for()
    return page.evaluate(_TEXTS)


def counted(page, selector, least):
    """Wait for visible elements; return how many there are."""
    shown = page.locator(selector).locator("visible=true")
    assert _soon(page, lambda: shown.count() >= least), (selector, shown.count())
    return shown


def _soon(page, condition):
    """Wait in the browser's own loop, which must go on meanwhile."""
    deadline = time.monotonic() + _PATIENCE / 1000
    while not condition():
        if time.monotonic() > deadline:
            return False
        page.wait_for_timeout(100)
    return True


def test_time_series_shows_every_run(page, site):
    texts = opened(page, site, "timeseries", "few/tensorboard", "Pinned")
    assert {f"{name}/tensorboard" for name in RUNS} <= set(texts)
    page.get_by_role("combobox", name="Filter tags").fill("^fitness/best")
    counted(page, "canvas", 1)


def test_scalars_draws_a_line_for_every_run(page, site):
    opened(page, site, "scalars", "few/tensorboard", "by_env_steps", "champion")
    tab = "scalars&tagFilter=fitness%2Fbest"
    opened(page, site, tab, "by_env_steps/fitness/best")
    # One card for generations, one for environment steps; a line for each run.
    counted(page, "tf-scalar-card path", 2 * len(RUNS))


def test_custom_scalars_shows_every_chart(page, site):
    titles = ("best, mean and median", "p10, median, p90", "p25, median, p75")
    titles += ("against environment steps", "life: early and late")
    titles += ("the centre on fixed lives", "the centre against environment steps")
    titles += ("life of the best champion",)
    opened(page, site, "custom_scalars", *titles)
    lines = "tf-custom-scalar-multi-line-chart-card"
    assert counted(page, lines, 5).count() == 5
    assert counted(page, "tf-custom-scalar-margin-chart-card", 3).count() == 3
    counted(page, f"{lines} path", 5 * len(RUNS))


def test_histograms_shows_every_population(page, site):
    opened(page, site, "histograms", "fitness/population")
    assert counted(page, "vz-histogram-timeseries", len(RUNS)).count() == len(RUNS)
    counted(page, "vz-histogram-timeseries path", 2 * len(RUNS))


def test_images_shows_films_and_life_maps(page, site):
    opened(page, site, "images", "champion/film", "life/map", "life/curves")
    pictures = counted(page, "tf-image-loader img", 3 * len(RUNS))
    sizes = "images => images.map(i => [i.complete, i.naturalWidth, i.naturalHeight])"
    assert _soon(page, lambda: all(i[0] and i[1] for i in pictures.evaluate_all(sizes)))
    found = [tuple(size[1:]) for size in pictures.evaluate_all(sizes)]
    assert found.count((8 * 288, 376)) == len(RUNS), "the films"


def test_hparams_shows_the_numbers_of_every_run(page, site, sweep):
    names = [f"{name}/tensorboard" for name in RUNS]
    texts = opened(page, site, "hparams", *names, "population.size", "life/late")
    assert "Number of matching session groups: 3" in texts
    for name in RUNS:
        wanted = expected(sweep / name)
        begun = texts.index(f"{name}/tensorboard")
        row = texts[begun : begun + 12]
        for tag in MAIN:
            assert f"{wanted[tag]:#.5g}" in row, (name, tag, row)
    row = texts[texts.index("many/tensorboard") :][:5]
    assert json.loads(row[1])["hidden"] == 8
    assert row[2:] == ["8.0000", "24.000", "1.0000"], "what it lacks is empty"
