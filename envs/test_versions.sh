#!/usr/bin/env bash
# The fast tests at both ends of the versions that pyproject.toml states: envs/test_versions.sh [WHICH:PYTHON ...]
#   oldest:3.11   the oldest version that is allowed of every package named there
#   newest:3.12   the newest of everything; newest:3.13 likewise
#   locked:3.13   the pins of envs/development.lock
# Each in an environment of its own under build/versions, removed when it has passed (KEEP=1 keeps it), with a list of
# what was installed and a log beside it; TESTS=... names other tests than all the fast ones. An interpreter that is not
# on PATH is skipped with a line that says so; the exit status is 1 if tests failed, 2 if nothing ran at all.
# With pyenv: PYENV_VERSION=3.11.7:3.12.1:3.13.0 make test-versions
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/versions
wanted=("$@")
[ $# -gt 0 ] || wanted=(oldest:3.11 newest:3.12 newest:3.13)
extras=workflow,mpi,io,formulae,dev,docs,references
fast="not slow and not cluster"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

install() {  # WHICH FOLDER
  local python=$2/bin/python
  case $1 in
    locked) "$python" -m pip install -qq --require-hashes --prefer-binary -r envs/development.lock \
        && "$python" -m pip install -qq --no-deps --no-build-isolation --editable . ;;
    oldest) "$python" -m pip install -qq uv \
        && "$python" -m uv pip install -q --python "$python" --resolution lowest-direct -r envs/build.in --editable ".[$extras]" ;;
    newest) "$python" -m pip install -qq uv \
        && "$python" -m uv pip install -q --python "$python" -r envs/build.in --editable ".[$extras]" ;;
    *) echo "test_versions: $1 is not oldest, newest or locked" >&2; return 1 ;;
  esac
}

run() {  # WHICH VERSION
  local which=$1 version=$2 folder="build/versions/$1-$2" log summary
  if ! "python$version" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    echo "skipped (no working python$version with its venv module on PATH)"
    return
  fi
  mkdir -p "$folder"
  log=$PWD/$folder.log
  "python$version" -m venv --clear "$folder" && install "$which" "$folder" >"$log" 2>&1 \
    || { failed=1; echo "FAILED: not installed, see $folder.log"; return; }
  ran=1
  "$folder/bin/python" -m pip list --format=freeze >"$folder.txt" 2>/dev/null
  # compiled kernels go beside the environment: those of the source tree belong to other versions
  if NUMBA_CACHE_DIR=$PWD/$folder/numba PATH=$PWD/$folder/bin:$PATH \
    "$folder/bin/python" -m pytest -q -rfE -p no:cacheprovider -m "$fast" ${TESTS:-} >>"$log" 2>&1; then
    [ -n "${KEEP:-}" ] || rm -rf "$folder"
  else
    failed=1
    echo -n "FAILED, see $folder.log: "
  fi
  summary=$(grep -aE '^[0-9=].*(passed|failed|error).* in [0-9.]+s' "$log" | tail -n 1 | tr -d '=')
  echo "${summary:-pytest did not end by itself}"
}

failed=0 ran=0
for entry in "${wanted[@]}"; do
  echo -n "$entry: "
  run "${entry%%:*}" "${entry##*:}"
done
[ "$ran" = 1 ] || { echo "test_versions: no version was tested" >&2; exit 2; }
exit "$failed"
