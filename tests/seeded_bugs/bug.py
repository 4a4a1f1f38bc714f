"""A bug that is tied to a function by its name, and how it is put there."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Bug:
    """One mistake that somebody might make, tied to names and not to files, line breaks or comments.

    `function` is "function" or "Class.method", with its module's last name before it ("tasks:observe") where several
    modules have one of that name. In it, `right` is replaced by `wrong`: expressions or statements, of which the
    function has exactly one like `right`. An empty `wrong` deletes a statement. `tests` are the files below `tests/`
    that must catch it.
    """

    name: str
    function: str
    right: str
    wrong: str
    tests: str

    def put_into(self, root: Path) -> tuple[Path, str]:
        """Return the file below `root` that has this bug, and its text with it; LookupError if it finds no place."""
        places = _functions(root)[self.function]
        if len(places) != 1:
            raise LookupError(f"{self.name}: {len(places)} functions are called {self.function}")
        module = ast.parse(places[0].read_text("utf-8"))
        [function] = [node for name, node in _named(module) if name == self.function.rpartition(":")[2]]
        if (count := self._replace_in(function)) != 1:
            raise LookupError(f"{self.name}: {self.function} has {count} of {self.right}")
        return places[0], ast.unparse(ast.fix_missing_locations(module)) + "\n"

    def _replace_in(self, function: Function) -> int:
        """Replace each place that is like `right`; return how many there were."""
        try:
            right, wrong = (ast.parse(text, mode="eval").body for text in (self.right, self.wrong))
        except SyntaxError:
            statements = _Statements(ast.unparse(ast.parse(self.right)), self.wrong)
            statements.visit(function)
            return statements.count
        expressions = _Expressions(ast.unparse(right), wrong)
        expressions.visit(function)
        return expressions.count


class _Expressions(ast.NodeTransformer):
    """Replaces an expression that is read; a name that is assigned is none."""

    def __init__(self, right: str, wrong: ast.expr) -> None:
        self.right, self.wrong, self.count = right, wrong, 0

    def visit(self, node: ast.AST) -> ast.AST:
        is_read = isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if not is_read or ast.unparse(node) != self.right:
            return self.generic_visit(node)
        self.count += 1
        return self.wrong


class _Statements(ast.NodeTransformer):
    """Replaces a statement by any number of them."""

    def __init__(self, right: str, wrong: str) -> None:
        self.right, self.wrong, self.count = right, wrong, 0

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if not isinstance(node, ast.stmt) or ast.unparse(node) != self.right:
            return self.generic_visit(node)
        self.count += 1
        return ast.parse(self.wrong or "pass").body


@cache
def _functions(root: Path) -> defaultdict[str, list[Path]]:
    """Return the files of the package that have a function, by its name and by "module:name"."""
    found = defaultdict(list)
    for path in sorted(root.glob("ondol/**/*.py")):
        for name, _function in _named(ast.parse(path.read_text("utf-8"))):
            found[name].append(path)
            found[f"{path.stem}:{name}"].append(path)
    return found


def _named(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield functions, and methods of classes, by their names."""
    for node in module.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, Function):
                    yield f"{node.name}.{method.name}", method
