#!/usr/bin/env bash
# Pins for every supported Python on Linux, with hashes and without an index address: envs/requirements.lock.
# Usage: envs/lock.sh PYTHON   (of an environment; uv is added to it)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?usage: envs/lock.sh PYTHON}

"$python" -m pip install --quiet uv
{
  echo "# Made by \`make lock\` from pyproject.toml and envs/build.in: every package of a full installation, with hashes."
  echo "# Holds for Python 3.11 and newer on Linux; pip looks for the packages wherever it is set up to."
  # fewest: the same numpy and scipy for every Python, so that numbers do not depend on it
  "$python" -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --upgrade \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --extra workflow --extra mpi --extra dev --extra references pyproject.toml envs/build.in
} > envs/requirements.lock.new
mv envs/requirements.lock.new envs/requirements.lock
grep -c '==' envs/requirements.lock | sed 's/$/ packages pinned/'
