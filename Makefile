# `make` lists what there is to do. Everything happens in .venv, which is made from nothing.

PYTHON ?= $(shell command -v python3.11 || echo python3)
PIP := -m pip -q --disable-pip-version-check
UV := uv==0.13.9
# touched when an installation is complete
STAMP := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help setup tutorial beyond lab test notebooks student book pdf crash fuzz benchmarks lint lock \
  audit licences

help:  ## list these targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP)  ## make .venv and install the tested versions into it

# uv is faster than pip; where there is none, or it cannot reach what pip can, pip does the same.
# PyTorch comes last and always by pip, whose settings may name a CPU build: uv does not
# read them and would take gigabytes of CUDA.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "vqgen needs Python 3.11 or newer; install one, or name it: make setup PYTHON=python3.12"; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	@uv=$$(command -v uv || echo .venv/bin/uv); \
	{ test -x $$uv || .venv/bin/python $(PIP) install $(UV); } && \
	$$uv pip install -q --python .venv --require-hashes --no-deps -r requirements.txt || { \
	  echo "without uv: pip takes longer"; \
	  .venv/bin/python $(PIP) install --require-hashes --no-deps -r requirements.txt; }
	PYTHONWARNINGS=ignore .venv/bin/python $(PIP) install --no-compile --no-build-isolation -e .
	@touch $@

tutorial: setup  ## run notebooks 01 to 08 on the built-in data (profile quick)
	.venv/bin/vqgen run --profile quick --to 08

beyond: setup  ## run the notebooks beyond the course: 09 and later
	.venv/bin/vqgen run --profile quick --from 09

# Copies have no outputs and no text of their own, so saving one changes nothing in notebooks/.
copy = $(if $(2),@.venv/bin/jupyter nbconvert --config notebooks/copy.json --output-dir $(1) $(2))
COURSE := $(wildcard notebooks/[0-9]*.ipynb)
SOLUTIONS := $(wildcard notebooks/solutions/[0-9]*.ipynb)
COPIED := $(patsubst work/%,notebooks/%,$(wildcard work/*.ipynb work/solutions/*.ipynb))

lab: setup  ## open copies of the notebooks, work/, in JupyterLab; those that are there are kept
	$(call copy,work,$(filter-out $(COPIED),$(COURSE)))
	$(call copy,work/solutions,$(filter-out $(COPIED),$(SOLUTIONS)))
	.venv/bin/jupyter lab work/

test: setup  ## run the tests
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

notebooks: setup  ## put notebooks/py/*.py into the notebooks, run them, keep their outputs
	rm -rf runs/published
	touch notebooks/py/*.py notebooks/solutions/py/*.py  # of a pair, the younger file counts
	.venv/bin/jupytext --quiet --sync notebooks/py/*.py notebooks/solutions/py/*.py
	.venv/bin/vqgen run --profile quick --run-name published
	.venv/bin/jupyter nbconvert --log-level WARN --to notebook --output-dir notebooks \
	  --TagRemovePreprocessor.enabled=True \
	  --TagRemovePreprocessor.remove_cell_tags injected-parameters \
	  --ClearMetadataPreprocessor.enabled=True \
	  --ClearMetadataPreprocessor.preserve_cell_metadata_mask "['tags', 'jupyter']" \
	  --ClearMetadataPreprocessor.preserve_nb_metadata_mask "['jupytext', 'kernelspec', 'widgets']" \
	  runs/published/notebooks/*.ipynb
	cp runs/published/samples.png notebooks/samples.png
	cd runs/published && cp config.json vqvae.safetensors codes.npz prior.safetensors ../../notebooks/pretrained/
	cp runs/published/metrics.json benchmarks/results/tutorial.json
	cp runs/published/evaluation.json benchmarks/results/evaluation.json
	cp runs/published/model_card.md notebooks/model_card.md
	.venv/bin/python -m benchmarks.series published
	.venv/bin/python -m benchmarks.readme

student: setup  ## write notebooks to hand out, without outputs, into student/; no solutions
	rm -rf student
	$(call copy,student,$(COURSE))

# Jupyter Book 1: version 2 downloads its theme from the web while it builds, whatever is newest there.
book: setup  ## build the series as a website, without warnings, in book/
	.venv/bin/jupyter-book build . --config notebooks/_config.yml --toc notebooks/_toc.yml \
	  --path-output book --all --warningiserror --keep-going --quiet

# Chromium is the system's (apt-get install chromium), or Playwright's own (playwright install chromium).
pdf: setup  ## print the series as one PDF, book/vqgen.pdf; it takes Chromium
	.venv/bin/jupyter-book build . --config notebooks/_config.yml --toc notebooks/_toc.yml \
	  --path-output book/pages --builder singlehtml --all --quiet
	.venv/bin/python notebooks/pdf.py book/pages/_build/singlehtml/README.html book/vqgen.pdf

# The peers come with their own needs; the constraint keeps the tested versions of everything else.
benchmarks: setup  ## measure what docs/speed.md says (20 minutes; leave the machine alone)
	.venv/bin/python $(PIP) install -e '.[benchmarks]' --constraint constraints.txt
	set -e; for name in loading growth quantizer sampling training original readme; do \
	  echo "== $$name"; .venv/bin/python -m benchmarks.$$name; done

crash: setup  ## kill training and the series 330 times and see that nothing is lost (12 minutes)
	VQGEN_CRASHES=10 .venv/bin/python -m pytest -q tests/runs/test_crashes.py

fuzz: setup  ## read 5,000 damaged scans and see that each is read or refused in a sentence
	VQGEN_FUZZ=5000 .venv/bin/python -m pytest -q tests/data/test_fuzz.py

lint: setup  ## check style and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# For every system and every Python from 3.11 on. PyTorch and its CUDA libraries have no hashes: its
# builds for CPU and GPU share a version, but no file.
lock:  ## write requirements.txt (with hashes) and constraints.txt from pyproject.toml
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; $$env/bin/python $(PIP) install $(UV); \
	test ! -f requirements.txt || cp requirements.txt $$env/all; \
	$$env/bin/uv pip compile -q pyproject.toml --extra dev --extra machines --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-header -o $$env/all; \
	{ echo "# The tested versions of everything but PyTorch. Made by: make lock"; \
	awk '/^[^ ]/ { torchs = /^(torch|triton|cuda-.*|nvidia-.*)==/ } !torchs' $$env/all; \
	} > requirements.txt; \
	{ echo "# The same without hashes, and PyTorch. Made by: make lock"; \
	sed -En 's/ *\\$$//; /^(triton|cuda-|nvidia-)/d; /^[a-z]/p' $$env/all; \
	} > constraints.txt

# Both tools get an environment of their own, so that nothing of theirs is in what they look at.
audit:  ## ask the Python advisory database about every pinned version; fails where it cannot ask
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; $$env/bin/python $(PIP) install pip-audit; \
	$$env/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

licences: setup  ## write the licence of every pinned package into licences.md
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; $$env/bin/python $(PIP) install pip-licenses; \
	{ echo "# Licences of what vqgen stands on"; echo; \
	echo "Every package of constraints.txt, as its metadata say. Made by: make licences"; echo; \
	$$env/bin/pip-licenses --python=.venv/bin/python --format=markdown --with-system \
	  --packages $$(sed -n 's/==.*//p' constraints.txt); } > licences.md
