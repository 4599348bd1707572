"""One page about a sweep or some runs, and two of them held against each other."""

from importlib.util import find_spec

from evolife.errors import InvalidInput

# Once, for all the modules within.
for _name in ("pandas", "matplotlib", "jinja2"):
    if find_spec(_name) is None:
        raise InvalidInput(
            f"reports need the package '{_name}', which is not installed; run: "
            "pip install 'evolife[report]'"
        )
