"""List every finding of the style rules as ``path:line name``, then the counts beside their bounds."""

from __future__ import annotations

from tests.style import limits


def main() -> None:
    in_product = limits.riddles("ingest", "migrations")
    in_tests = limits.riddles("tests")
    inner = limits.inner_riddles("ingest", "migrations", "tests")
    names = limits.vague_names()
    modules = limits.long_modules()
    functions = limits.long_functions()
    for finding in (*names, *in_product, *in_tests, *inner):
        print(finding)
    for long in (modules, functions):
        for place, lines in long.items():
            print(f"{place} {lines} lines")
    print()
    print(f"vague names in ingest: {len(names)} of {limits.MAX_VAGUE_NAMES}")
    print(f"first words in ingest and migrations: {len(in_product)} of {limits.MAX_RIDDLES}")
    print(f"first words in tests: {len(in_tests)} of {limits.MAX_RIDDLES_IN_TESTS}")
    print(f"first words of later sentences: {len(inner)}, no bound")
    print(f"modules over {limits.MAX_MODULE_LINES} lines: {len(modules)}, {len(limits.LONG_MODULES)} listed")
    print(
        f"functions over {limits.MAX_FUNCTION_LINES} lines: {len(functions)}, {len(limits.LONG_FUNCTIONS)} listed"
    )


if __name__ == "__main__":
    main()
