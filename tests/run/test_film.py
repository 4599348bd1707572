"""A film is of the very life that evaluate measures first, and can be looked at."""

import dataclasses
import itertools
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image, ImageDraw

from evolife import keys
from evolife.commands import evaluate
from evolife.config.model import load_config
from evolife.drawing import Pen
from evolife.engine.tournament import champion_grid, remeasure
from evolife.engine.work import Task
from evolife.envs.bandit import Bandit
from evolife.envs.mover import Mover
from evolife.envs.oven import Oven
from evolife.envs.recall import Recall
from evolife.envs.wrappers.hide import Hide
from evolife.errors import InvalidInput, Stopped
from evolife.plugins.build import build_run
from evolife.plugins.files import load
from evolife.ranks.mpi import Serial
from evolife.run import film, filmstrip
from evolife.run.evaluate import evaluate as measure
from evolife.storage.run_folder import RunFolder
from tests.cli_tools import complaint, run, run_here
from tests.report_tools import make_run

LIVES = 3
WIDE, HIGH = filmstrip.WIDTH, filmstrip.HEIGHT
SMALL = (
    "control=null",
    "agent.hidden=8",
    "population.size=8",
    "population.tile=8",
    "lifetime.lives=2",
    "lifetime.steps=50",
    "best_of_k={keep: 2, lives: 4, archive: 4}",
    "generations=1",
)
WORLDS = {
    "mover": ("mover", "lifetime.steps=300", "env.course=20", "env.strikes=40"),
    "short": ("mover", "lifetime.steps=20", "env.course=5", "env.damage=dead"),
    "oven": ("oven", "lifetime.steps=60", "env.delay=10"),
    "wrapped": ("recall", "lifetime.steps=150", "env.delay=3", "wrap=[{switch: 40}]"),
}


@pytest.fixture(scope="module", params=WORLDS)
def filmed(request):
    """An experiment, two random genomes, and the film of the first."""
    name, *words = WORLDS[request.param]
    config = load_config(name, [*SMALL, *words], ())
    experiment = build_run(config).experiment
    births = jax.random.split(keys.root_key(7), 2)
    genomes = jax.device_get(jax.vmap(experiment.agent.init_genome)(births))
    return experiment, genomes, film.best_life(experiment, genomes, LIVES, Serial())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run of movers."""
    folder = tmp_path_factory.mktemp("film") / "run"
    result = run_here("train", "mover", *SMALL, "--ranks", 1, "--out", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_life_is_the_first_one_that_evaluate_measures(filmed):
    """What the state sums up step by step is equal to the last bit."""
    experiment, genomes, seen = filmed
    settings = experiment.settings
    steps, seed = settings.steps, settings.seed
    given = experiment, genomes, 2, steps, LIVES, seed, Serial()
    score = remeasure(*given).scores[0, 0]
    task = Task(genomes, keys.pool_key(seed, keys.Pool.EVALUATE), np.int32(0))
    grid = champion_grid(range(2), range(LIVES))
    usual = experiment.stacked(steps)
    measured = jax.device_get(usual.live_unit(grid, 0, task, lambda: False))
    assert measured.score[0, 0] == score
    for name, value in seen.outcome.statistics.items():
        assert value == measured.statistics[name][0, 0]
    assert len(np.unique(measured.score)) > 1, "other lives are other lives"
    # Only the cut into bins differs, and with it the order of a sum.
    size = max(abs(bound) for bound in experiment.environment.reward_range)
    slack = 4 * float(np.finfo(np.float32).eps) * steps * size
    for found in (seen.outcome.score, seen.returns[-1]):
        assert found == pytest.approx(score, rel=0, abs=slack)
    if steps <= settings.bins:
        assert seen.outcome.score == score


@pytest.mark.parametrize("filmed", ["short"], indirect=True)
@pytest.mark.parametrize("life", range(LIVES))
def test_the_life_that_is_asked_for_is_filmed(filmed, life):
    """Of the lives that evaluate measures, whose scores all differ."""
    experiment, genomes, _ = filmed
    settings = experiment.settings
    given = experiment, genomes, 2, settings.steps, LIVES, settings.seed
    scores = remeasure(*given, Serial()).scores[0]
    assert len(np.unique(scores)) == LIVES
    seen = film.best_life(experiment, genomes, LIVES, Serial(), life)
    assert seen.outcome.score == pytest.approx(scores[life], rel=1e-5)


@pytest.mark.parametrize("life", [-1, LIVES])
def test_a_life_that_is_not_measured_is_refused(tmp_path, life):
    make_run(tmp_path / "run")
    with pytest.raises(InvalidInput, match=f"{life}.*0 .*{LIVES - 1}"):
        evaluate.open_asked(tmp_path / "run", LIVES, True, life)


def test_scenes_reach_from_birth_to_the_end_whatever_the_length(filmed):
    experiment, _, seen = filmed
    steps, world = experiment.settings.steps, experiment.environment
    assert len(seen.scenes) == min(steps + 1, film.PICTURES) == len(seen.returns)
    assert [scene.step for scene in (seen.scenes[0], seen.scenes[-1])] == [0, steps]
    for name, value in world.statistics(seen.scenes[-1].state).items():
        assert value == seen.outcome.statistics[name]


@pytest.mark.parametrize("filmed", ["short", "oven"], indirect=True)
def test_doing_what_a_scene_shows_leads_to_the_next(filmed):
    """Bins of one step, in worlds whose steps do not draw anything we look at."""
    experiment, _, seen = filmed
    world = experiment.environment
    step, acted = jax.jit(world.step), set()
    for i, (here, then) in enumerate(itertools.pairwise(seen.scenes)):
        state, sensed = step(here.state, here.action, keys.root_key(0))
        acted.add(np.asarray(here.action).tobytes())
        for name in set(state._fields) - {"target"}:
            found, wanted = getattr(state, name), getattr(then.state, name)
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        earned = seen.returns[i + 1] - seen.returns[i]
        assert earned == pytest.approx(float(sensed.reward), abs=1e-5)
    assert len(acted) > 1


def test_the_pictures_are_whole_and_move(filmed, tmp_path):
    experiment, _, seen = filmed
    paths = filmstrip.write(tmp_path, experiment.environment, seen, "it")
    assert paths == [str(tmp_path / name) for name in ("film.gif", "film.png")]
    with Image.open(paths[0]) as moving:
        assert (moving.format, moving.size) == ("GIF", (WIDE, HIGH))
        assert (moving.n_frames, moving.info["loop"]) == (len(seen.scenes), 0)
        squares = []
        for i in range(moving.n_frames):
            moving.seek(i)
            squares.append(moving.convert("L").crop((0, 0, WIDE, WIDE)).tobytes())
    different = sum(one != other for one, other in itertools.pairwise(squares))
    assert different > len(squares) / 4, "not only the chart below moves"
    with Image.open(paths[1]) as still:
        assert (still.format, still.size) == ("PNG", (8 * WIDE, HIGH))
        for place, left in ((0, 0), (len(seen.scenes) - 1, 7 * WIDE)):
            one = still.crop((left, 0, left + WIDE, HIGH)).convert("RGB")
            drawn = filmstrip.picture(experiment.environment, seen, place)
            assert one.tobytes() == drawn.tobytes()


def grey(world, state, action):
    """The drawing without its colours."""
    image = Image.new("RGB", (300, 300), "white")
    world.draw(Pen(ImageDraw.Draw(image), 300), state, action)
    return image.convert("L").tobytes()


def born(world, **changes):
    state, _ = world.reset(keys.root_key(5))
    return jax.device_get(state)._replace(
        **{name: np.asarray(value) for name, value in changes.items()}
    )


def test_what_differs_in_meaning_differs_without_colour():
    recall, maze = Recall("copy", 4, 3, 2), Recall("tmaze", 4, 2)
    asked = born(recall, cues=[2, 0], clock=6)
    junction = born(maze, cues=[1], clock=5)
    oven = Oven(delay=20)
    baking = {"stage": 2, "delay": 20, "served": 1}
    groups = [
        [grey(recall, asked, action) for action in range(3)],
        [grey(maze, junction, action) for action in range(3)],
        [grey(recall, born(recall, clock=clock), 0) for clock in range(8)],
        [grey(oven, born(oven), action) for action in range(4)],
        [grey(oven, born(oven, stage=stage), 0) for stage in range(4)],
        [grey(oven, born(oven, **baking, timer=t), 0) for t in (5, 22, 40)],
        [
            grey(oven, born(oven, **{**baking, "served": served}, timer=22), 0)
            for served in (0, 1)
        ],
    ]
    assert [len(set(group)) for group in groups] == [3, 3, 8, 4, 4, 3, 2]


def test_a_body_is_drawn_as_it_works():
    world, push = Mover(strikes=25), np.array([1.0, -0.5, 0.2, 0.0], np.float32)
    bodies = [[1, 1, 1, 1], [-1, 1, 1, 1], [0, 1, 1, 1], [0.8, 1, 1, 1]]
    after = [grey(world, born(world, gains=body, age=30), push) for body in bodies]
    before = [grey(world, born(world, gains=body, age=24), push) for body in bodies]
    assert len(set(after)) == 4 and len(set(before)) == 1
    aims = ([1.0, 0.0], [0.0, 1.0])
    moves = [grey(world, born(world, target=aim), push) for aim in aims]
    moves += [grey(world, born(world, velocity=way), push) for way in aims]
    assert len(set(moves)) == 4


def test_numbers_that_are_none_are_drawn_all_the_same():
    world = Mover()
    lost, still = (np.full(4, push, np.float32) for push in (np.nan, 0))
    assert grey(world, born(world), lost) == grey(world, born(world), still)


def test_evaluate_films_and_says_where(finished):
    words = ("evaluate", finished, "--lives", LIVES, "--json")
    plain, told = (
        json.loads(run_here(*words, *more).stdout) for more in ((), ("--film",))
    )
    files = [finished / "film.gif", finished / "film.png"]
    assert told.pop("film") == [str(file) for file in files]
    assert told == plain, "filming changes no number"
    usual = files[1].read_bytes()
    result = run_here(*words[:-1], "--film", "--steps", 30, "env.course=15")
    assert all(str(file) in result.stdout.replace("\n", "") for file in files)
    with Image.open(files[0]) as moving:
        assert moving.n_frames == 31
    assert files[1].read_bytes() != usual


@pytest.mark.mpi
def test_several_ranks_make_one_film(finished):
    words = ("evaluate", finished, "--lives", LIVES, "--json", "--film")
    alone = run_here(*words)
    film_alone = (finished / "film.gif").read_bytes()
    together = run(*words, ranks=2)
    assert together.returncode == 0, together.stderr
    assert together.stdout == alone.stdout
    assert (finished / "film.gif").read_bytes() == film_alone


def test_a_stop_while_filming_leaves_no_film(finished, tmp_path):
    folder = RunFolder(tmp_path / "stopped")
    shutil.copytree(finished, folder.path, ignore=shutil.ignore_patterns("film.*"))
    ranks = Serial()
    ranks.request_stop()
    config = load_config(str(folder.config_path), (), ())
    with pytest.raises(Stopped, match="evaluate again"):
        measure(folder, config, LIVES, ranks, film=True)
    assert not list(folder.path.glob("*film*"))


def test_what_draws_nothing_is_refused_by_name(finished):
    bandit = "{name: bandit, pulls: 5}"
    told = complaint(
        run_here("evaluate", finished, "--env", bandit, "--film", "--lives", 2)
    )
    assert "'bandit' has no method draw" in told
    assert told.endswith("mover, oven, recall")


def test_a_plug_in_that_draws_can_be_filmed(tmp_path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "painted.py").write_text(
        "import dataclasses\nfrom evolife.envs import mover\n\n"
        "@dataclasses.dataclass(frozen=True)\nclass Painted(mover.Mover):\n    pass\n"
    )
    config = load_config("bandit", (), [str(tmp_path)])
    with pytest.raises(InvalidInput, match="filmed: mover, oven, recall, painted"):
        film.refuse_unfilmable(Bandit(), config)
    painted = load("envs", "painted", [str(tmp_path)])
    film.refuse_unfilmable(Hide(painted()), config)
    with pytest.raises(InvalidInput, match="'bandit'"):
        film.refuse_unfilmable(Hide(Bandit()), config)


@dataclasses.dataclass(frozen=True)
class _Clumsy(Mover):
    def draw(self, pen, state, action):
        pen.text((0.5, 0.5), state.name)


def test_what_cannot_be_drawn_or_written_is_told(tmp_path):
    scenes = [filmstrip.Scene(step, born(Mover()), np.zeros(4)) for step in (0, 1)]
    seen = filmstrip.Film(scenes, np.zeros(2), None)
    with pytest.raises(InvalidInput, match=r"test_film.py:\d+: env 'mine': draw: Attr"):
        filmstrip.write(tmp_path, _Clumsy(), seen, "mine")
    with pytest.raises(InvalidInput, match=r"cannot write .*film\.gif: No such"):
        filmstrip.write(tmp_path / "gone", Mover(), seen, "mover")
    assert not list(tmp_path.iterdir())
