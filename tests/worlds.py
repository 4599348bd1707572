"""Every environment of the registry, by its defaults and in its other modes."""

from evolife.plugins import registry

SETTINGS = {
    "bandit": {"bandit": {}},
    "digits": {"digits": {}},
    "gymnax": {name: {"id": name} for name in ("CartPole-v1", "Pendulum-v1")},
    "mover": {"mover": {}},
    "oven": {"oven": {}},
    "recall": {"recall": {}},
    "tabular_mdp": {"tabular_mdp": {}},
}
"""What each must be told; a name of the registry that is missing here is an error."""
MODES = {
    "contexts": ("bandit", {"arms": 3, "pulls": 7, "contexts": 2, "drift": 0.1}),
    "real digits": ("digits", {"task": "digits", "features": 16, "change": 9}),
    "turns": ("digits", {"classes": 4, "features": 3, "together": 2, "turn": 5}),
    "one trial": ("gymnax", {"id": "CartPole-v1", "trials": 1}),
    "one-hot": ("gymnax", {"id": "FrozenLake-misc"}),
    "struck": ("mover", {"limbs": 5, "damage": "dead", "strikes": 16, "course": 8}),
    "quick oven": ("oven", {"delay": 4}),
    "maze": ("recall", {"mode": "tmaze", "delay": 3}),
    "copy": ("recall", {"mode": "copy", "length": 3}),
}

WORLDS = {
    world: registry.load("envs", name)(**settings)
    for name in registry.names("envs")
    for world, settings in SETTINGS[name].items()
}
ALL_WORLDS = WORLDS | {
    world: registry.load("envs", name)(**settings)
    for world, (name, settings) in MODES.items()
}
