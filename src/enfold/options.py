"""Options: fields of frozen dataclasses that check themselves, and the named choices that have them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, NamedTuple, get_args, get_origin, get_type_hints

from enfold.errors import InputError, unknown
from enfold.files import LARGEST_NUMBER

LARGEST_WHOLE = 2**32 - 1  # of a seed of NumPy's legacy generator, which draws the split, and of any count


def option(
    default: Any, help: str, *, low: float | None = None, above: float | None = None, high: float | None = None
) -> Any:
    """Return a dataclass field with its meaning, its lowest and highest value, or the bound that it must exceed."""
    return field(default=default, metadata={"help": help, "low": low, "above": above, "high": high})


class Option(NamedTuple):
    """A setting with its meaning.

    Attributes:
        name: The name to type.
        value: The value that it has.
        meaning: What it sets.
    """

    name: str
    value: Any
    meaning: str


class Need(NamedTuple):
    """What a choice needs of another setting.

    Attributes:
        of: The name of that part or setting.
        allowed: The names of the choices, or the values, that it may have.
        why: The reason, for the error.
    """

    of: str
    allowed: tuple[Any, ...]
    why: str


PARTS: dict[str, type["Choice"]] = {}  # the class that begins each part
CHOICES: dict[str, dict[str, type["Choice"]]] = {}  # by part and name, in the order in which they are defined


@dataclass(frozen=True)
class Choice:
    """One of the things that a part of a model can be, with its options.

    `class Prior(Choice, part="prior")` begins a part; `class Vamp(Prior, name="vamp")` is one of its choices. Both
    are frozen dataclasses; a choice says in its docstring's first line what it is, and builds it.

    Raises:
        InputError: An option is of the wrong type or out of range.
    """

    part: ClassVar[str] = ""
    name: ClassVar[str] = ""

    def __init_subclass__(cls, *, part: str = "", name: str = ""):
        super().__init_subclass__()
        if part:
            cls.part, PARTS[part], CHOICES[part] = part, cls, {}
        if name:
            known = CHOICES[cls.part].get(name, cls)
            if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
                raise InputError(f"There is already a {cls.part} named '{name}': {known.__name__}. Name yours anew.")
            cls.name, CHOICES[cls.part][name] = name, cls

    def __post_init__(self):
        check_options(self)

    def needs(self) -> Iterable[Need]:
        """Return what this choice needs of other settings."""
        return ()

    @classmethod
    def summary(cls) -> str:
        """Return what it is, in a line."""
        return (cls.__doc__ or "").partition("\n")[0].rstrip(".")


@dataclass(frozen=True)
class Custom(Choice):
    """A choice that is a custom Python object; a settings file only says that there is one.

    Attributes:
        value: The object; None where the settings were read from a file.

    Raises:
        InputError: The object is of the wrong kind.
    """

    kind: ClassVar[Any] = object
    meaning: ClassVar[str] = "an object"

    value: Any = None

    def __post_init__(self):
        if self.value is not None and not isinstance(self.value, self.kind):
            raise InputError(f"The {self.part} must be a name or {self.meaning}, got {self.value!r}.")
        super().__post_init__()


def option_fields(settings: Any) -> list[Field[Any]]:
    """Return the dataclass fields that are options, of an instance or a class."""
    return [each for each in fields(settings) if "help" in each.metadata]


def choices_of(part: str) -> dict[str, type[Choice]]:
    """Return the choices of a part by name, custom last."""
    return dict(sorted(CHOICES[part].items(), key=lambda pair: pair[0] == "custom"))


def names_of(part: str, **attributes: bool) -> tuple[str, ...]:
    """Return the names of the choices of a part whose class attributes have these values."""
    known = CHOICES[part].items()
    return tuple(name for name, kind in known if all(getattr(kind, of) == so for of, so in attributes.items()))


def option_names() -> set[str]:
    """Return the names of all options of all choices."""
    kinds = (kind for known in CHOICES.values() for kind in known.values())
    return {each.name for kind in kinds for each in option_fields(kind)}


def described(settings: Any) -> list[Option]:
    """Return the options of an instance with their values and meanings."""
    options = option_fields(settings)
    return [Option(each.name, getattr(settings, each.name), each.metadata["help"]) for each in options]


def check_options(settings: Any) -> None:
    """Give each option of an instance the type of its hint, and check its range.

    Raises:
        InputError: An option is of the wrong type or out of range.
    """
    hints = get_type_hints(type(settings))
    for each in option_fields(settings):
        value = _typed(each.name, getattr(settings, each.name), hints[each.name])
        _check_range(each.name, value, each.metadata)
        object.__setattr__(settings, each.name, value)


def chosen(part: str, value: Any, current: Choice) -> Choice:
    """Return the choice that a value stands for: a name, a table with a name, a `Choice`, or a custom object.

    Args:
        part: The part.
        value: The value.
        current: The choice so far, which keeps its options if its name is asked for again.

    Raises:
        InputError: There is no such choice, or this part cannot be a custom object.
    """
    known, custom = CHOICES[part], CHOICES[part].get("custom")
    if isinstance(value, Mapping):
        options = {name: each for name, each in value.items() if name != "name"}
        name = value.get("name", current.name)
        choice = custom() if custom and name == custom.name else chosen(part, name, current)
        return with_options(choice, options)
    if isinstance(value, str):
        names = [name for name in known if name != "custom"]
        if value == "custom" != current.name and custom:
            raise InputError(f"'custom' stands for a Python object. Pass the object itself, as {part}=….")
        if value not in (current.name, *names):
            raise unknown(part, value, names)
        return current if value == current.name else known[value]()
    if isinstance(value, type) and issubclass(value, Choice):
        raise InputError(f"{value.__name__} is a class. Pass an object of it, as in {part}={value.__name__}().")
    if isinstance(value, Choice) and value.name:
        if value.part == part:
            return value
        raise InputError(f"{value} is a choice for the {value.part}, not for the {part}. Pass it as {value.part}=…")
    if custom is None or value is None or isinstance(value, Choice):
        raise InputError(f"The {part} must be one of {', '.join(known)}, got {value!r}.")
    return replace(current, value=value) if isinstance(current, custom) else custom(value=value)  # pyright: ignore


def with_options(choice: Choice, options: Mapping[str, Any]) -> Choice:
    """Return a choice with some of its options replaced.

    Raises:
        InputError: It has no option of a name, or a value is of the wrong type or out of range.
    """
    for name in options:
        if name not in [each.name for each in option_fields(choice)]:
            raise no_option(name, {choice.part: choice})
    kept = {each.name: getattr(choice, each.name) for each in fields(choice)}
    return type(choice)(**{**kept, **options})


def owner(name: str, choices: Mapping[str, Choice]) -> tuple[str, str]:
    """Return the part and the option that a name stands for: "part.option", or an option that one choice has.

    Raises:
        InputError: No choice has it, or several have.
    """
    part, dot, option_name = name.partition(".")
    if dot and part in choices:
        return part, option_name
    having = [part for part, choice in choices.items() if name in [each.name for each in option_fields(choice)]]
    if len(having) == 1:
        return having[0], name
    if having:
        raise InputError(f"'{name}' is an option of {' and '.join(having)}. Say of which, as in {having[0]}.{name}=…")
    raise no_option(name, choices)


def no_option(name: str, choices: Mapping[str, Choice]) -> InputError:
    """Return the error for an option that none of the choices has; it says which other choice does."""
    part, others = next(iter(choices)), list(_having(name))
    if not others:
        names = [each.name for choice in choices.values() for each in option_fields(choice)]
        return unknown("option", name, names)
    which = " and ".join(f"{part}={of}" for part, of in others)
    part, of = next((pair for pair in others if pair[0] in choices), others[0])
    now = f"; here it is {part}={choices[part].name}" if part in choices else ""
    return InputError(
        f"'{name}' is an option of {which}{now}. Choose that too, as in --set {part}={of} or in Python "
        f"{part}='{of}', or leave the option out."
    )


def differences(choice: Choice, base: Choice) -> dict[str, Any]:
    """Return the options of a choice that differ from another's, or if that has another name, from the defaults."""
    other = base if base.name == choice.name else type(choice)()
    pairs = zip(described(choice), described(other), strict=True)
    return {mine.name: mine.value for mine, its in pairs if mine != its}


def to_table(choice: Choice) -> dict[str, Any]:
    """Return a choice as a table of TOML: its name and its options."""
    return {"name": choice.name, **{each.name: each.value for each in described(choice)}}


def _having(name: str) -> Iterator[tuple[str, str]]:
    for part, known in CHOICES.items():
        for of, kind in known.items():
            if of != "custom" and name in [each.name for each in option_fields(kind)]:
                yield part, of


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Return the value as its type hint asks: int, float, str, some words, or a number or a word."""
    value = value.item() if getattr(value, "ndim", None) == 0 else value  # a number of NumPy
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        words = get_args(hint)
        near = get_close_matches(str(value), words, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        raise InputError(f"'{name}' must be {', '.join(words[:-1])} or {words[-1]}, got {value!r}{hint}")
    if hint not in (int, float, str):
        number, words = get_args(hint)
        return value if value in get_args(words) else _typed(name, value, number)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER
    if hint is float and is_number:
        return float(value)
    if hint is int and is_number and abs(value) <= LARGEST_WHOLE and value == int(value):
        return int(value)
    if hint is str and isinstance(value, str):
        return value
    kinds = {int: "a whole number below 2³²", float: "a finite number", str: "a word"}
    raise InputError(f"'{name}' must be {kinds[hint]}, got {value!r}.")


def _check_range(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    if isinstance(value, str):
        return
    low, above, high = bounds["low"], bounds["above"], bounds["high"]
    if high is not None and value > high:
        raise InputError(f"'{name}' must be at most {high}, got {value}.")
    if low is not None and value < low:
        raise InputError(f"'{name}' must be at least {low:g}, got {value}.")
    if above is not None and value <= above:
        raise InputError(f"'{name}' must be above {above:g}, got {value}.")
