"""Recording: what happens to operations, and in which scope, here and now.

The state is a context variable, so that threads and tasks do not disturb each other.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from itertools import takewhile
from types import FrameType
from typing import Any, NamedTuple, NoReturn, ParamSpec, TypeVar, cast, overload

from autodiff.mathematics import Unknown

P = ParamSpec("P")
R = TypeVar("R")

State = tuple[str, bool | str]
"""The current scope, and whether operations are recorded: True, False or TRACING."""

TRACING = "tracing"
"""Recording structure alone: operations are not evaluated, because the numbers come later."""

_context: ContextVar[State] = ContextVar("recording", default=("", True))

_differentiated: ContextVar[frozenset[Any]] = ContextVar("differentiated", default=frozenset())
"""The inputs of the transforms that are at work."""

recording_now = _context.get


# ------------------------------------------------------------------------------------- regions


class Region:
    """A part of a program with a recording state of its own: a context manager and a decorator.

    The state follows from the one at each entry, never from that of the time when the region was
    made. So a region serves as often as one likes, also within itself, in threads and in tasks. A
    generator that is suspended inside one does not change the state of whoever takes its items.
    """

    def __init__(self, title: str, change: Callable[[str, bool | str], State]) -> None:
        self._title = title
        self._change = change

    def __enter__(self) -> None:
        state = self._change(*_context.get())
        generator, latest = _generator_around(sys._getframe(1)), _latest.get()
        entry = _Entry(self, state, generator, latest, latest.suspended())
        _latest.set(entry)
        _context.set(entry.as_state())

    def __exit__(self, kind: object = None, *_: object) -> None:
        latest, generator = _latest.get(), _generator_around(sys._getframe(1))
        entry = latest.find(self, generator) or latest.find(self, None)
        if entry is not None:
            remaining = latest.without(entry)
            _latest.set(remaining)
            _context.set(remaining.as_state())
        elif kind is not GeneratorExit:  # one that is closed elsewhere holds nothing there
            raise RuntimeError(
                f"{self} is left in a thread or task where it was not entered; "
                "leave it where it was entered, as a with statement does"
            )

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function with this region around each of its calls."""
        if inspect.isclass(function) or not callable(function):
            raise TypeError(f"@{self} decorates a function, got {function!r:.60}")
        if inspect.isasyncgenfunction(function):
            raise TypeError(f"@{self} {_NO_ASYNC_GENERATOR}")
        call: Callable[P, Any] = function
        if inspect.iscoroutinefunction(function):

            async def awaited(*arguments: P.args, **named: P.kwargs) -> Any:
                with self:
                    return await call(*arguments, **named)

            return cast(Callable[P, R], wraps(function)(awaited))
        if inspect.isgeneratorfunction(function):

            def generated(*arguments: P.args, **named: P.kwargs) -> Generator[Any, Any, Any]:
                with self:
                    return (yield from call(*arguments, **named))

            return cast(Callable[P, R], wraps(function)(generated))

        @wraps(function)
        def called(*arguments: P.args, **named: P.kwargs) -> R:
            with self:
                return function(*arguments, **named)

        return called

    def __repr__(self) -> str:
        return self._title


class _Entry:
    """One time that a region was entered, on top of those that were entered before.

    Where generators take part, the entry itself stands for the state: it unpacks to that of the
    region while its generator runs, and to the one below while the generator is suspended.
    """

    __slots__ = ("below", "generator", "region", "sleepers", "state")

    def __init__(
        self,
        region: Region | None,
        state: State,
        generator: FrameType | None,
        below: _Entry | None,
        sleepers: Sequence[FrameType],
    ) -> None:
        self.region = region
        self.state = state
        self.generator = generator
        self.below = below
        self.sleepers = sleepers  # the generators below that were suspended at this entry

    def as_state(self) -> State:
        return cast(State, self) if self.generator or self.sleepers else self.state

    def __iter__(self) -> Iterator[Any]:
        return iter(self._now())

    def __getitem__(self, index: int) -> Any:
        return self._now()[index]

    def _now(self) -> State:
        entry = self
        while entry.below is not None and entry.generator and _is_suspended(entry.generator):
            entry = entry.below
        if not all(map(_is_suspended, entry.sleepers)):
            raise RuntimeError(
                f"a generator that was suspended inside scope() or no_grad() goes on inside "
                f"{entry.region}, and it is open which of them holds; yield outside of the with "
                "statement in the generator, or make a list of all its items first"
            )
        return entry.state

    def suspended(self) -> list[FrameType]:
        """The generators of the entries from here down that are suspended now."""
        if not self.generator and not self.sleepers:
            return []
        return [
            entry.generator
            for entry in self._downwards()
            if entry.generator and _is_suspended(entry.generator)
        ]

    def find(self, region: Region, generator: FrameType | None) -> _Entry | None:
        """The latest entry of a region in a generator, or else outside of generators."""
        for entry in self._downwards():
            if entry.region is region and entry.generator is generator:
                return entry
        return None

    def without(self, gone: _Entry) -> _Entry:
        """The entries from here down without one of them."""
        assert gone.below is not None
        above = list(takewhile(lambda entry: entry is not gone, self._downwards()))
        remaining = gone.below
        for entry in reversed(above):
            generators = {each.generator for each in remaining._downwards()}
            sleepers = [frame for frame in entry.sleepers if frame in generators]
            remaining = _Entry(entry.region, entry.state, entry.generator, remaining, sleepers)
        return remaining

    def _downwards(self) -> Iterator[_Entry]:
        entry: _Entry | None = self
        while entry is not None:
            yield entry
            entry = entry.below


def _is_suspended(generator: FrameType) -> bool:
    """Whether a generator is suspended or has ended: then nobody has called its frame."""
    return generator.f_back is None


_OUTERMOST = _Entry(None, ("", True), None, None, ())
_latest: ContextVar[_Entry] = ContextVar("latest", default=_OUTERMOST)

_NO_ASYNC_GENERATOR = (
    "cannot hold in an async generator, because it would hold for whoever takes the items as well; "
    "put it around a function that computes one item"
)


def _generator_around(frame: FrameType | None) -> FrameType | None:
    """The frame of the generator whose with statement enters a region; None in a function.

    Generators that contextlib and pytest turn into context managers and fixtures are meant to
    change the state of their users, so that the user counts in their place.
    """
    while frame is not None:
        caller = frame.f_back
        if _package(frame) == "contextlib" or frame.f_code.co_name == "__enter__":
            frame = caller
        elif not frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            return None
        elif _package(caller) in ("contextlib", "_pytest"):
            frame = caller
        elif frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR:
            raise TypeError(f"scope(...) or no_grad() {_NO_ASYNC_GENERATOR}")
        else:
            return frame
    return None


def _package(frame: FrameType | None) -> str:
    """The top-level package that a frame's code belongs to."""
    name = frame.f_globals.get("__name__") if frame is not None else None
    return name.partition(".")[0] if isinstance(name, str) else ""


# -------------------------------------------------------------------------------------- scopes


def scope(name: str) -> Region:
    """A context manager and decorator: nodes made inside remember ``name``; scopes nest.

    Args:
        name: what pictures write on the frame around them.

    Raises:
        TypeError: if the name is no string, or empty.

    >>> from autodiff import Value
    >>> with scope("layer1"), scope("neuron3"):
    ...     Value(1.0).scope
    'layer1/neuron3'
    >>> @scope("layer2")
    ... def layer(x):
    ...     return x * x
    >>> layer(Value(3.0)).scope
    'layer2'
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"scope() expected a name, a non-empty string, got {name!r}")

    def change(outer: str, records: bool | str) -> State:
        return _inside(outer, ScopeEntry(_joined(outer, name))), records

    return Region(f"scope({name!r})", change)


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

    def change(outer: str, records: bool | str) -> State:
        return _inside(outer, GateCall(symbol, _joined(outer, title))), records

    region = Region(f"gate({symbol!r})", change)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function):
            raise TypeError(
                f"a gate's function is called at once, and {function.__name__} is a generator; "
                "return its results as a list"
            )
        return region(function)

    return decorate


def _joined(outer: str, name: str) -> str:
    return f"{outer}/{name}" if outer else name


def _inside(outer: str, entry: ScopeEntry) -> Scope:
    scope = Scope(entry.path)
    scope.entries = (*entries(outer), entry)
    scope.calls = tuple([each for each in scope.entries if isinstance(each, GateCall)])
    return scope


@overload
def no_grad() -> Region: ...
@overload
def no_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """A context manager and decorator: operations inside compute values and record nothing.

    As a decorator it may stand without parentheses.

    Their results are constants.

    Raises:
        TypeError: when it is entered inside a function that is being compiled, where it has no
            meaning.

    >>> from autodiff import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    >>> @no_grad()
    ... def square(x):
    ...     return x * x
    >>> square(x).parents
    ()
    """
    return _NO_GRAD if function is None else _NO_GRAD(function)


def _without_recording(scope: str, records: bool | str) -> State:
    if records is TRACING:
        refuse_while_tracing(
            "uses no_grad(), which has no meaning inside a compiled function; leave it out"
        )
    return scope, False


_NO_GRAD = Region("no_grad()", _without_recording)
_RECORDING = Region("recording()", lambda scope, records: (scope, records or True))
_TRACING = Region("tracing()", lambda scope, records: ("", TRACING))  # noqa: ARG005


def recording() -> Region:
    """Operations inside are recorded, even within :func:`no_grad`."""
    return _RECORDING


@contextmanager
def differentiating(inputs: Sequence[Any]) -> Iterator[None]:
    """Record operations inside, to be differentiated with respect to these nodes."""
    token = _differentiated.set(_differentiated.get() | set(inputs))
    try:
        with recording():
            yield
    finally:
        _differentiated.reset(token)


differentiated = _differentiated.get
"""The nodes by which transforms are differentiating just now."""


class Trace(NamedTuple):
    """The record of a traced function, apart from its result.

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
    Unknown.refusals[id(trace)] = trace.refusals
    try:
        with _TRACING:
            yield trace
    finally:
        del Unknown.refusals[id(trace)]
        _trace.reset(token)


def is_tracing() -> bool:
    """Whether a function is being traced just now."""
    return recording_now()[1] is TRACING


def refuse_while_tracing(complaint: str) -> NoReturn:
    """Raise a TypeError that names the user's line."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package(frame) in ("autodiff", "numpy"):
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
