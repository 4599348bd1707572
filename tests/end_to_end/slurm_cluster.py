"""A real Slurm of one node in a folder of its own, for as long as a test needs it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cli_tools import until

_DAEMONS = ("munged", "slurmctld", "slurmd")
_COMMANDS = ("srun", "sbatch", "salloc", "scontrol", "scancel", "squeue")
_CPUS = 4
_CONF = """
ClusterName=evolife
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
SlurmctldPort={controller}
SlurmdPort={node}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=10000,bf_interval=1
SlurmdParameters=config_overrides
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no Slurm can run here; empty where one can."""
    if os.geteuid():
        return "slurmctld and slurmd have to be started by root"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    absent = [n for n in (*_DAEMONS, *_COMMANDS) if not shutil.which(n, path=path)]
    return f"Slurm is not installed: {', '.join(absent)}" if absent else ""


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster with its files in ``folder``; yields the variables that name it."""
    for part in ("state", "spool"):
        (folder / part).mkdir()
    conf = folder / "slurm.conf"
    conf.write_text(_configuration(folder))
    env = {**os.environ, "SLURM_CONF": str(conf)}
    env["PATH"] = f"{env['PATH']}:/usr/sbin"
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    munge = [
        *("munged", "-F", "--force", "--num-threads=2"),
        *(f"--socket={folder}/munge.socket", f"--key-file={key}"),
        *(f"--log-file={folder}/munge.log", f"--pid-file={folder}/munge.pid"),
        f"--seed-file={folder}/munge.seed",
    ]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "daemons.log").open("wb"))
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D"]):
            daemon = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            stack.callback(_ended, daemon)
            if command is munge:
                assert until((folder / "munge.socket").exists, 10), "munged: no socket"
        assert until(lambda: "State=IDLE" in _asked(env), 60), _told(folder)
        stack.callback(_emptied, env)
        yield {"SLURM_CONF": str(conf)}


def _configuration(folder: Path) -> str:
    host = socket.gethostname().partition(".")[0]
    controller, node = _free_ports(2)
    return _CONF.format(
        folder=folder,
        host=host,
        controller=controller,
        node=node,
        cpus=_CPUS,
        memory=2000,
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _asked(env: dict[str, str]) -> str:
    words = ["scontrol", "show", "node", "-o"]
    return subprocess.run(words, env=env, capture_output=True, text=True).stdout


def _emptied(env: dict[str, str]) -> None:
    """End all jobs first: daemons that stop leave them running."""
    subprocess.run(["scancel", "-f", "--user=root"], env=env, capture_output=True)
    words = ["squeue", "-h"]
    until(
        lambda: not subprocess.run(words, env=env, capture_output=True).stdout, 15, 0.2
    )


def _ended(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(10)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _told(folder: Path) -> str:
    logs = [path.read_text(errors="replace") for path in folder.glob("*.log")]
    return "\n".join(logs)[-4000:]
