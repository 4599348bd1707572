"""Ways to a gradient of a selection operator, one a file, found by the file's name."""

import importlib
import pkgutil

from evolife.metalearning.gradient_estimator import GradientEstimator


def names() -> tuple[str, ...]:
    """Every route by name."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(name: str) -> type[GradientEstimator]:
    """The route that the file of this name defines."""
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, GradientEstimator)
        and value.__module__ == module.__name__
    ]
    (route,) = found
    return route
