"""The style counter on small sources with known counts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.style import counting, limits
from tests.style.counting import Finding, Function


def _names(source: str) -> list[str]:
    return [finding.name for finding in counting.vague_names(dedent(source))]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("answer = 1", ["answer"], id="assignment"),
        pytest.param(
            "def f(given, *found, told=1, **said): ...", ["found", "given", "said", "told"], id="parameters"
        ),
        pytest.param("f(known=1)", ["known"], id="keyword of a call"),
        pytest.param("lambda said: said", ["said", "said"], id="lambda"),
        pytest.param("class C:\n    told: int", ["told"], id="field"),
        pytest.param("self.known = row.known", ["known", "known"], id="attributes"),
        pytest.param("def said(): ...", ["said"], id="function"),
        pytest.param("async def told(): ...", ["told"], id="coroutine"),
        pytest.param("class found: ...", ["found"], id="class"),
        pytest.param("from m.known import said as told", ["known", "said", "told"], id="import from"),
        pytest.param("import known.found", ["found", "known"], id="import"),
        pytest.param("x = f'{answer!r}'", ["answer"], id="inside an f-string"),
        pytest.param("[given for given in x]", ["given", "given"], id="comprehension"),
        pytest.param("while (found := f()): ...", ["found"], id="walrus"),
        pytest.param("for known in x: ...", ["known"], id="loop"),
        pytest.param("with f() as answer: ...", ["answer"], id="with"),
        pytest.param("try: ...\nexcept E as told: ...", ["told"], id="exception"),
        pytest.param("def f():\n    global known", ["known"], id="global"),
        pytest.param("def f():\n    def g():\n        nonlocal found", ["found"], id="nonlocal"),
        pytest.param("match x:\n    case [found, *told]: ...", ["found", "told"], id="captured"),
        pytest.param("match x:\n    case {'a': said, **told}: ...", ["said", "told"], id="captured rest"),
        pytest.param("match x:\n    case C(known=y): ...", ["known"], id="matched attribute"),
        pytest.param("_known = self._known", ["_known", "_known"], id="leading underscore"),
        pytest.param("known_ids = answers = foundation = 1", [], id="longer names"),
        pytest.param("x = 'known'  # known", [], id="strings and comments"),
    ],
)
def test_each_definition_and_each_use_of_a_vague_name_counts(source: str, names: list[str]) -> None:
    assert sorted(_names(source)) == names


def test_a_vague_name_is_reported_with_its_line() -> None:
    assert counting.vague_names("x = 1\nknown = x\n") == [Finding(line=2, name="known")]


def test_an_attribute_is_reported_on_its_own_line() -> None:
    assert counting.vague_names("x = (\n    row\n    .known\n)\n") == [Finding(line=3, name="known")]


@pytest.mark.parametrize("word", ["What", "Whoever", "Of", "That", "Which", "what", "which"])
def test_each_forbidden_first_word_counts(word: str) -> None:
    assert len(counting.riddles(f'"""{word} the hub sent."""')) == 1
    assert len(counting.riddles(f"# {word} the hub sent.\n")) == 1
    assert len(counting.riddles(f"x = 1  # {word} the hub sent.\n")) == 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('"""Return what the hub sent."""', id="later word"),
        pytest.param('"""Whatever and Offsets."""', id="longer word"),
        pytest.param("# the hub, out\n# of which nothing came\n", id="second line of a comment"),
        pytest.param("x = 1  # the hub\n       # of the feed\n", id="second line of a comment behind code"),
        pytest.param('x = "What?"', id="string that is no docstring"),
    ],
)
def test_other_prose_does_not_count(source: str) -> None:
    assert counting.riddles(source) == []


def test_docstrings_are_those_of_modules_classes_functions_and_attributes() -> None:
    source = dedent('''
        """Of a module."""

        LIMIT = 1
        """Of a constant."""

        class C:
            """Of a class."""

            field: int
            """Of a field."""

            async def method(self) -> None:
                """
                Of a method.
                """
    ''')

    assert [finding.line for finding in counting.riddles(source)] == [2, 5, 8, 11, 14]


def test_comments_in_different_columns_or_apart_are_comments_of_their_own() -> None:
    source = "# the feed\nif x:\n    # of the hub\n    y = 1  # what is\n    # that is\n\n# which is\n"

    assert [finding.line for finding in counting.riddles(source)] == [3, 4, 5, 7]


def test_marks_before_the_first_word_are_skipped() -> None:
    assert len(counting.riddles('"""``What`` it is."""')) == 1
    assert len(counting.riddles("#: (Of a feed)\n")) == 1


def test_a_later_sentence_is_reported_with_its_line() -> None:
    source = '"""Poll.\n\nThe hub notifies.\nThat is all. What of it?\n"""'

    assert counting.inner_riddles(source) == [
        Finding(line=4, name="That is all. What of it?"),
        Finding(line=4, name="What of it?"),
    ]
    assert counting.riddles(source) == []


def test_a_long_docstring_is_cut_in_the_report() -> None:
    (finding,) = counting.riddles(f'"""What {"x" * 100}"""')

    assert finding.name == f"What {'x' * 54}…"


def test_decorators_and_docstring_are_not_lines_of_a_function() -> None:
    source = dedent('''
        @option("--a")
        @option("--b")
        def command(
            a: str,
        ) -> None:
            """Run.

            At length.
            """
            run(a)
    ''')

    assert counting.functions(source) == [Function(line=4, name="command", lines=4)]


def test_methods_and_nested_functions_have_dotted_names() -> None:
    source = dedent("""
        class C:
            if True:
                def method(self):
                    async def inner():
                        pass
                    return inner

        def plain(): ...
    """)

    assert counting.functions(source) == [
        Function(line=4, name="C.method", lines=4),
        Function(line=5, name="C.method.inner", lines=2),
        Function(line=9, name="plain", lines=1),
    ]


def test_blank_lines_count_as_lines_of_a_module() -> None:
    assert counting.module_lines("a = 1\n\n# b\n") == 3


def test_sources_are_read_below_every_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "deep" / "module.py").write_text("x = 1\n")
    (tmp_path / "a" / "notes.txt").write_text("What?")
    (tmp_path / "b" / "module.py").write_text("y = 2\n")

    assert list(limits.sources("a", "b", root=tmp_path)) == [
        ("a/deep/module.py", "x = 1\n"),
        ("b/module.py", "y = 2\n"),
    ]
