"""What to tell users whose ranks outnumber the units of work."""

from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid, lives_block


def idle_ranks(experiment: Experiment, ranks: int) -> str:
    """Say how many ranks have no unit to live, and what gives them one; else empty."""
    units = experiment.grid.units
    if ranks <= units:
        return ""
    tile = _tile_for(experiment, ranks)
    remedy = (
        f"population.tile={tile} would use them all"
        if tile
        else "a larger population.size or more lifetime.lives would use more"
    )
    work = "1 unit" if units == 1 else f"{units} units"
    idle = "one has" if ranks - units == 1 else f"{ranks - units} have"
    return f"{work} of work for {ranks} ranks: {idle} nothing to do; {remedy}"


def _tile_for(experiment: Experiment, ranks: int) -> int:
    """The largest power of two that makes enough units; 0 if there is none."""
    settings, tile = experiment.settings, experiment.grid.tile // 2
    members = tuple(range(settings.population))
    lives, steps = settings.lives, settings.steps
    powers = [2**i for i in reversed(range(tile.bit_length()))]
    for tile in powers:
        grid = Grid(members, range(lives), tile, lives_block(lives, tile, steps))
        if grid.units >= ranks:
            return tile
    return 0
