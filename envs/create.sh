#!/usr/bin/env bash
# The Python environment, from locked pins: envs/create.sh run|full [FOLDER] (default .venv).
#   run    what a campaign and `nqe` need; a new environment
#   full   adds what tests, linters and documentation need to an environment made by `run`
# Needs Python 3.11 to 3.13 with its venv module; PYTHON=... names one that is not found by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
venv=${2:-.venv}

fail() { echo "nqe: error: $*" >&2; exit 1; }
fitting() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -qq "$@"; }

run() {
  local python= candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if fitting "$candidate"; then python=$candidate; break; fi
  done
  [ -n "$python" ] || fail "no Python 3.11 to 3.13 found (tried ${PYTHON:-python3 python3.13 python3.12 python3.11}); name one with PYTHON=/path/to/python3"
  "$python" -c 'import venv, ensurepip' 2>/dev/null \
    || fail "$python cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv)"

  echo "Environment $venv: $("$python" --version) and the packages of envs/requirements.lock (about a minute)"
  "$python" -m venv --clear "$venv"
  pip install --require-hashes --prefer-binary -r envs/requirements.lock
  pip install --no-deps --no-build-isolation --editable .

  # `snakemake` alone shall use all cores of this machine; --profile on the command line goes before this variable.
  # (A profiles/default would do so too, but it would also override --profile slurm, key by key.)
  echo "export SNAKEMAKE_PROFILE=\"$PWD/profiles/local\"" >> "$venv/bin/activate"

  # compile every kernel now, once, and not in the first jobs at the same time
  OMP_NUM_THREADS=1 "$venv/bin/nqe" warmup
  touch "$venv/.complete"
  echo "Environment ready; activate it with: . $venv/bin/activate"
}

full() {
  [ -x "$venv/bin/python" ] || fail "$venv is no environment; make it with: envs/create.sh run $venv"
  echo "Environment $venv: adding the packages of envs/development.lock"
  pip install --require-hashes --prefer-binary -r envs/development.lock
  touch "$venv/.complete-full"
}

case $what in
  run | full) "$what" ;;
  *) fail "envs/create.sh: $what is not run or full" ;;
esac
