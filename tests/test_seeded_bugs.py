"""Every seeded bug still finds its place; whether the tests catch it is for `python -m tests.seeded_bugs` to say."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.seeded_bugs.bug import Bug
from tests.seeded_bugs.bugs import BUGS

ROOT = Path(__file__).parents[1]
BUG = Bug("a bug", "Door.shut", "self.lock()", "", "test_door.py")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_bug_finds_its_place_and_compiles(bug: Bug) -> None:
    path, text = bug.put_into(ROOT)
    compile(text, path, "exec")
    assert text.rstrip("\n") != ast.unparse(ast.parse(path.read_text("utf-8")))


def test_names_are_unique_and_the_tests_are_there() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    gone = [bug.name for bug in BUGS if not all((ROOT / "tests" / path).exists() for path in bug.tests.split())]
    assert gone == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "ondol").mkdir()
    (tmp_path / "ondol/front.py").write_text(
        "class Door:\n"
        "    def shut(self):\n"
        "        with self.hand:\n"
        "            self.lock(  # twice is once\n"
        "            )\n"
        "        shut = max(self.a,\n"
        "                   self.b)\n"
        "        return shut\n"
        "def ring(): return 1\n"
    )
    (tmp_path / "ondol/back.py").write_text("def ring(): return 2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("bug", "there"),
    [
        (BUG, "with self.hand:\n            pass\n"),
        (replace(BUG, right="max(self.a, self.b)", wrong="self.a"), "shut = self.a\n"),
        (replace(BUG, right="shut", wrong="None"), "return None\n"),
        (replace(BUG, wrong="a = 1; b = 2"), "a = 1\n            b = 2\n"),
        (replace(BUG, function="back:ring", right="2", wrong="3"), "return 3\n"),
    ],
)
def test_layout_and_comments_do_not_matter(house: Path, bug: Bug, there: str) -> None:
    assert there in bug.put_into(house)[1]


@pytest.mark.parametrize(
    ("bug", "says"),
    [
        (replace(BUG, function="Door.close"), "0 functions are called Door.close"),
        (replace(BUG, function="shut"), "0 functions are called shut"),
        (replace(BUG, function="ring", right="1", wrong="3"), "2 functions are called ring"),
        (replace(BUG, function="side:ring", right="1", wrong="3"), "0 functions"),
        (replace(BUG, right="self.bolt()"), "Door.shut has 0 of self.bolt()"),
        (replace(BUG, right="self", wrong="None"), "Door.shut has 4 of self"),
    ],
)
def test_a_wrong_or_ambiguous_name_is_an_error(house: Path, bug: Bug, says: str) -> None:
    with pytest.raises(LookupError, match=says.replace("(", r"\(").replace(")", r"\)")):
        bug.put_into(house)
