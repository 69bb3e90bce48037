"""What is compiled keeps to what mypyc understands as Python does. The tests run compiled find the rest."""

import ast
from collections.abc import Iterator

import pytest

from build_scripts.compile import COMPILED, LEFT_OUT, sources
from tests.support.program import ROOT


def caught_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a function's `except` clauses give, each with what it stands for there."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.ExceptHandler) and child.name and child.type is not None:
            yield child.name, ast.unparse(child.type)
        yield from caught_names(child)


@pytest.mark.parametrize("name", sources())
def test_a_name_for_what_was_caught_has_one_class_in_a_function(name):
    """By mypyc it is given the class of the first clause, and a TypeError is raised in the second."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            classes: dict[str, str] = {}
            for caught, stands_for in caught_names(node):
                assert classes.setdefault(caught, stands_for) == stands_for, f"{node.name}: «{caught}»"


def test_the_list_is_of_what_there_is():
    assert len(sources()) > 50
    for name in (*COMPILED, *LEFT_OUT):
        assert (ROOT / name).exists(), name
