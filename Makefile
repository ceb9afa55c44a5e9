# The verbs of this project. `make demo` and `make test` do all the set-up on a fresh machine.
.PHONY: demo test slow again again-slow lint format audit setup setup-dev clean

demo: setup          ## the whole workflow on synthetic logs
	.venv/bin/incamera demo --out out/demo

test: setup-dev      ## the fast tests (a few minutes)
	.venv/bin/python -m pytest -n 2 --dist loadgroup

slow: setup-dev      ## the long ones: completeness runs, crash tests, journeys at size
	.venv/bin/python -m pytest -n 2 --dist loadgroup -m slow

again:               ## only what failed last time, one after another: a failure of the machine passes, one of the code does not
	.venv/bin/python -m pytest --last-failed --last-failed-no-failures none
again-slow:
	.venv/bin/python -m pytest --last-failed --last-failed-no-failures none -m slow

lint: setup-dev      ## style, types, import contracts, lock file
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/uv lock --check --quiet

format: setup-dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

audit: setup-dev     ## known vulnerabilities in the locked dependencies
	.venv/bin/pip-audit --skip-editable

setup:
	@scripts/setup
setup-dev:
	@scripts/setup --dev

clean:
	rm -rf .venv out
