"""Tables of plain rows as pandas has them; pandas is imported when one is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evolife.errors import EvolifeError

if TYPE_CHECKING:
    import pandas as pd


def frame(rows: Sequence[dict[str, Any]], index: str | None = None) -> "pd.DataFrame":
    """One row for each of ``rows``, columns by key; ``index`` names the key of rows.

    Raises:
        EvolifeError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise EvolifeError(
            "tables need the package 'pandas', which cannot be imported "
            f"({error}); run: pip install 'evolife[report]'"
        ) from error
    table = pd.DataFrame(list(rows))
    if index is None:
        return table
    return table.set_index(index) if index in table else table.rename_axis(index)
