"""The data set of the demo: complete, in order, and read as its README says."""

import collections
import re
from pathlib import Path

DATA = Path(__file__).parents[2] / "examples" / "data"


def test_reader_in_the_readme_reads_every_image(monkeypatch):
    monkeypatch.chdir(DATA)
    reader = re.search(r"```python\n(.*?)```", Path("README.md").read_text(), re.S)
    names = {}
    exec(reader[1], names)
    numbers = names["numbers"]
    rows = [numbers[i : i + 65] for i in range(0, len(numbers), 65)]
    assert len(rows) == 1797 and len(rows[-1]) == 65
    assert min(numbers) == 0 and max(numbers) == 16
    counts = collections.Counter(row[-1] for row in rows)
    assert [counts[digit] for digit in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert rows[0][:8] == [0, 0, 5, 13, 9, 1, 0, 0] and rows[0][-1] == 0
    assert sum(numbers) - sum(row[-1] for row in rows) == 561718
