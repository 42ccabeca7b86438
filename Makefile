# Each target sets up what it needs. npm may run under any Node from 20 on; what it starts runs on the
# Node 24 that `npm ci` installs, because npm puts node_modules/.bin first.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help demo test bench stop clean

help:
	@echo "make demo    the whole job on a local stack; ONCE=1 make demo ends by itself"
	@echo "make test    types, linter and all tests"
	@echo "make bench   the figures; BENCH='--only reconcile --json' make bench for some"
	@echo "make stop    stop a local stack that is running in the background"
	@echo "make clean   stop it and remove all that was made here, node_modules included"

demo: node_modules/.package-lock.json
	@npm run --silent demo

test: node_modules/.package-lock.json
	@bash .ci/test

bench: node_modules/.package-lock.json
	@npm run --silent bench -- $(BENCH)

stop: node_modules/.package-lock.json
	@bevatel-sync stack down

clean:
	@if [ -x node_modules/.bin/node ]; then node bin/bevatel-sync.js stack down; fi
	rm -rf .local coverage node_modules

node_modules/.package-lock.json: package-lock.json
	@node -e 'if (process.versions.node.split(".")[0] < 20) { console.error("Node 20 or newer is needed; this is " + process.version); process.exit(1) }'
	npm ci --include=dev --no-fund --no-audit --loglevel=error
	@touch $@
