# `make` lists what there is to do. Everything happens in .venv, which is made from nothing.

PYTHON ?= $(shell command -v python3.11 || echo python3)
PIP := -m pip -q --disable-pip-version-check
# touched when an installation is complete
STAMP := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help setup tutorial beyond lab test notebooks student book pdf crash fuzz benchmarks lint lock \
  audit licences

help:  ## list these targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP)  ## make .venv and install the tested versions into it

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "vqgen needs Python 3.11 or newer; install one, or name it: make setup PYTHON=python3.12"; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) install -r requirements.txt
	PYTHONWARNINGS=ignore .venv/bin/python $(PIP) install --no-deps -e .
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
	.venv/bin/python -m pytest

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
benchmarks: setup  ## measure what the README says of speed (20 minutes; leave the machine alone)
	.venv/bin/python $(PIP) install -e '.[benchmarks]' --constraint requirements.txt
	set -e; for name in loading growth quantizer sampling training original readme; do \
	  echo "== $$name"; .venv/bin/python -m benchmarks.$$name; done

crash: setup  ## kill training and the series 330 times and see that nothing is lost (12 minutes)
	VQGEN_CRASHES=10 .venv/bin/python -m pytest -q tests/runs/test_crashes.py

fuzz: setup  ## read 5,000 damaged scans and see that each is read or refused in a sentence
	VQGEN_FUZZ=5000 .venv/bin/python -m pytest -q tests/data/test_fuzz.py

lint: setup  ## check style and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# PyTorch goes first and alone, so that nothing else can choose another version of it. A CPU build
# is called 2.13.0+cpu; the lock leaves the suffix out, so that it fits the CUDA build as well.
lock:  ## write requirements.txt anew from pyproject.toml
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; \
	$$env/bin/python $(PIP) install torch==2.13.0; \
	$$env/bin/python $(PIP) install -e '.[dev,machines]'; \
	$$env/bin/python $(PIP) freeze --all --exclude-editable > $$env/freeze; \
	echo "# The tested versions of everything. Made by: make lock" > requirements.txt; \
	sed -e '/^pip==/d' -e 's/+[[:alnum:].]*$$//' $$env/freeze >> requirements.txt

# Both tools get an environment of their own, so that nothing of theirs is in what they look at.
audit:  ## ask the Python advisory database about every pinned version; fails where it cannot ask
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; $$env/bin/python $(PIP) install pip-audit; \
	$$env/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements.txt

licences: setup  ## write the licence of every pinned package into licences.md
	@set -e; env=$$(mktemp -d); trap 'rm -rf "$$env"' EXIT; \
	$(PYTHON) -m venv $$env; $$env/bin/python $(PIP) install pip-licenses; \
	{ echo "# Licences of what vqgen stands on"; echo; \
	echo "Every package of requirements.txt, as its metadata say. Made by: make licences"; echo; \
	$$env/bin/pip-licenses --python=.venv/bin/python --format=markdown --with-system \
	  --packages $$(sed -n 's/==.*//p' requirements.txt); } > licences.md
