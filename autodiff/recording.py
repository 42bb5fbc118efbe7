"""Recording: what happens to operations, and in which scope, here and now.

The state is a context variable, so that threads and tasks do not disturb each other.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any, NamedTuple, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

TRACING = "tracing"
"""Recording structure alone: operations are not evaluated, because the numbers come later."""

_context: ContextVar[tuple[str, bool | str]] = ContextVar("recording", default=("", True))
"""The current scope, and whether operations are recorded: True, False or TRACING."""

_differentiated: ContextVar[frozenset[Any]] = ContextVar("differentiated", default=frozenset())
"""The inputs of the transforms that are at work."""

recording_now = _context.get


@contextmanager
def _recording(scope: str, records: bool | str) -> Iterator[None]:
    token = _context.set((scope, records))
    try:
        yield
    finally:
        _context.reset(token)


def scope(name: str) -> AbstractContextManager[None]:
    """A context manager: nodes made inside remember ``name``; scopes nest.

    Args:
        name: what pictures write on the frame around them.

    Raises:
        TypeError: if the name is no string, or empty.

    >>> from autodiff import Value
    >>> with scope("layer1"), scope("neuron3"):
    ...     Value(1.0).scope
    'layer1/neuron3'
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"scope() expected a name, a non-empty string, got {name!r}")
    outer, records = recording_now()
    path = _joined(outer, name)
    return _recording(_inside(outer, ScopeEntry(path)), records)


class ScopeEntry:
    """One time that a scope was entered; the nodes that were made meanwhile share it.

    Attributes:
        path: the scope, with those around it.
    """

    def __init__(self, path: str) -> None:
        self.path = path


class GateCall(ScopeEntry):
    """One call of a gate.

    Attributes:
        symbol: what the gate shows.
        path: the scope of the nodes inside.
    """

    def __init__(self, symbol: str, path: str) -> None:
        super().__init__(path)
        self.symbol = symbol

    def __repr__(self) -> str:
        return f"<call of the gate {self.symbol!r}>"


class Scope(str):
    """A scope that also tells one time that it was entered from another.

    Attributes:
        entries: of the scopes and gates around, the outermost first.
        calls: those of them that are calls of gates.
    """

    entries: tuple[ScopeEntry, ...]
    calls: tuple[GateCall, ...]


def entries(scope: str) -> tuple[ScopeEntry, ...]:
    """When the scopes around a node were entered, the outermost first."""
    return scope.entries if isinstance(scope, Scope) else ()


def gate_calls(scope: str) -> tuple[GateCall, ...]:
    """The calls of gates that a node of this scope was made in, the outermost first."""
    return scope.calls if isinstance(scope, Scope) else ()


def gate(symbol: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: what a function of Values computes is shown as one gate.

    The operations stay beneath, so that derivatives of every order and the compiler see through it;
    :meth:`autodiff.Graph.open` shows them.

    Args:
        symbol: what a picture shows in the gate.

    Raises:
        TypeError: if the symbol is no string, or empty, or the function is a generator.

    >>> from autodiff import Graph, Value, exp
    >>> @gate("σ")
    ... def logistic(x):
    ...     return 1 / (1 + exp(-x))
    >>> graph = Graph(logistic(Value(0.0, "x")))
    >>> [(edge.tail.name, edge.local) for edge in graph.edges]
    [('x', 0.25)]
    """
    if not isinstance(symbol, str) or not symbol:
        raise TypeError(
            f'gate() expected a symbol, as in @gate("σ"), and got {symbol!r}; it is a string that '
            "stands in the gate"
        )
    title = symbol.replace("/", "∕")  # a slash would begin another scope

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function):
            raise TypeError(
                f"a gate's function is called at once, and {function.__name__} is a generator; "
                "return its results as a list"
            )

        @wraps(function)
        def called(*arguments: P.args, **named: P.kwargs) -> R:
            outer, records = recording_now()
            call = GateCall(symbol, _joined(outer, title))
            with _recording(_inside(outer, call), records):
                return function(*arguments, **named)

        return called

    return decorate


def _joined(outer: str, name: str) -> str:
    return f"{outer}/{name}" if outer else name


def _inside(outer: str, entry: ScopeEntry) -> Scope:
    scope = Scope(entry.path)
    scope.entries = (*entries(outer), entry)
    scope.calls = tuple([each for each in scope.entries if isinstance(each, GateCall)])
    return scope


def no_grad() -> AbstractContextManager[None]:
    """A context manager: operations inside compute values and record nothing.

    Their results are constants.

    Raises:
        TypeError: inside a function that is being compiled, where it has no meaning.

    >>> from autodiff import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    scope, records = recording_now()
    if records is TRACING:
        refuse_while_tracing(
            "uses no_grad(), which has no meaning inside a compiled function; leave it out"
        )
    return _recording(scope, False)


def recording() -> AbstractContextManager[None]:
    """Operations inside are recorded, even within :func:`no_grad`."""
    scope, records = recording_now()
    return _recording(scope, records or True)


@contextmanager
def differentiating(inputs: Sequence[Any]) -> Iterator[None]:
    """Operations inside are recorded, to be differentiated by these nodes."""
    token = _differentiated.set(_differentiated.get() | set(inputs))
    try:
        with recording():
            yield
    finally:
        _differentiated.reset(token)


differentiated = _differentiated.get
"""The nodes by which transforms are differentiating just now."""


class Trace(NamedTuple):
    """What is to be known of a function that was traced, beside what it returned.

    Attributes:
        partial: the nodes of operations that are not defined everywhere.
        refusals: the errors that were raised, whatever the function made of them.
    """

    partial: list[Any]
    refusals: list[TypeError]


_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)

trace_now = _trace.get
"""The trace at work, or None."""


@contextmanager
def tracing() -> Iterator[Trace]:
    """Operations inside are recorded but not evaluated; see :mod:`autodiff.compiler`."""
    trace = Trace([], [])
    token = _trace.set(trace)
    try:
        with _recording("", TRACING):
            yield trace
    finally:
        _trace.reset(token)


def is_tracing() -> bool:
    """Whether a function is being traced just now."""
    return recording_now()[1] is TRACING


def refuse_while_tracing(complaint: str) -> NoReturn:
    """Raise a TypeError that names the user's line."""
    frame: FrameType | None = sys._getframe(1)
    internal = ("autodiff", "numpy")
    while frame is not None and frame.f_globals.get("__name__", "").startswith(internal):
        frame = frame.f_back
    where = ""
    if frame is not None:
        path, line = frame.f_code.co_filename, frame.f_lineno
        is_cell = "ipykernel_" in path or path.startswith("<ipython-input")
        text = linecache.getline(path, line).strip()
        code = f", `{text}`," if text else ""
        where = f"line {line} of {'the cell' if is_cell else path}{code} "
    error = TypeError(f"{where or 'a compiled function '}{complaint}")
    if trace := trace_now():
        trace.refusals.append(error)
    raise error
