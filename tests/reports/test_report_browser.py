"""The page of a report as a browser lays it out, on a phone and on a screen."""

import pytest

from evolife.reports.report import report
from tests.report_tools import champion, make_run, make_sweep

# Of each cell of the last column: its text, whether all of its box lies within the
# window and the table's frame, whether its text fits into it, and what lies on top.
_LAST_COLUMN = """() => {
  const table = document.querySelector("table.shares");
  const frame = table.closest(".box").getBoundingClientRect();
  return [...table.rows].map(row => {
    const cell = row.cells[row.cells.length - 1];
    cell.scrollIntoView({block: "center", inline: "nearest"});
    const box = cell.getBoundingClientRect(), edge = table.closest(".box");
    const right = Math.min(window.innerWidth, edge.getBoundingClientRect().right);
    const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    return {
      text: cell.textContent,
      whole: box.width > 0 && box.left >= frame.left && box.right <= right + 0.5,
      fits: cell.scrollWidth <= cell.clientWidth,
      onTop: document.elementFromPoint(x, y) === cell,
      scrolled: edge.scrollLeft + window.scrollX,
    };
  });
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page whose parameters have long names and a p in many digits."""
    keys = ("agent.synapses.initial_learning_rate", "strategy.sigma", "population.size")
    entries = [
        (
            f"r{i}",
            {keys[0]: i % 2, keys[1]: 0.001234 * (i % 3), keys[2]: 2 ** (i // 2 % 4)},
        )
        for i in range(24)
    ]
    sweep = make_sweep(tmp_path_factory.mktemp("page") / "s", entries)
    for i, (name, values) in enumerate(entries):
        score = 100.0 * values[keys[0]] + i % 5 / 7
        make_run(sweep.run(name).path, rows=[champion(score)])
    return report([sweep.path])["page"]


@pytest.mark.parametrize("width", [390, 1200])
def test_p_is_seen_whole_without_scrolling_sideways(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 844})
    try:
        page.goto(f"file://{address}")
        cells = page.evaluate(_LAST_COLUMN)
        overflow = page.evaluate("document.documentElement.scrollWidth")
    finally:
        page.close()
    assert cells[0]["text"] == "p" and len(cells) == 4
    values = [float(cell["text"]) for cell in cells[1:]]
    assert values[0] < 1e-20 < 0.01 < values[1], "one p is long"
    for cell in cells:
        assert cell["whole"] and cell["fits"] and cell["onTop"], cell
        assert cell["scrolled"] == 0, cell
    assert overflow <= width
