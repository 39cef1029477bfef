#!/usr/bin/env bash
# Pins for every supported Python on Linux, with hashes and without an index address:
#   envs/requirements.lock   what a campaign and `nqe` need (`make env`)
#   envs/development.lock    all of that in the same versions, and what tests, linters and documentation need
# Usage: envs/lock.sh PYTHON   (of an environment; uv is added to it). KEEP=1 leaves pins that still fit as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?usage: envs/lock.sh PYTHON}
upgrade=(--upgrade)
[ -z "${KEEP:-}" ] || upgrade=()

"$python" -m pip install --quiet uv

lock() {  # FILE DESCRIPTION UV-ARGUMENTS...
  local file=$1 description=$2
  shift 2
  if [ -f "$file" ]; then cp "$file" "$file.new"; fi
  # fewest: the same numpy and scipy for every Python, so that numbers do not depend on it
  "$python" -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest "${upgrade[@]}" \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --output-file "$file.new" "$@" pyproject.toml envs/build.in
  { echo "# Made by \`make lock\` from pyproject.toml and envs/build.in: $description"
    echo "# Holds for Python 3.11 and newer on Linux; pip looks for the packages wherever it is set up to."
    cat "$file.new"; } > "$file.tmp"
  mv "$file.tmp" "$file"
  rm "$file.new"
  echo "$file: $(grep -c '==' "$file") packages pinned"
}

running=(--extra workflow --extra mpi --extra io --extra formulae)
lock envs/requirements.lock "what running needs, with hashes." "${running[@]}"
lock envs/development.lock "every package of a full installation, with hashes." "${running[@]}" \
  --extra dev --extra docs --extra references --constraint envs/requirements.lock
