# Everything here installs what it needs first: `serve` and `build` from npm alone, the rest from Debian too; see README.md.
.DEFAULT_GOAL := help
CONFIG ?= config.yaml
DRACUT = $(DESTDIR)/usr/lib/dracut/modules.d
OPT = $(DESTDIR)/opt/slipway
BIN = $(DESTDIR)/usr/local/bin

.PHONY: help deps build demo docs serve test test-all check lint unit wire e2e slow deb install install-dracut

help: ## lists these commands
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 18

deps: ## installs what all of these need
	@scripts/install-deps.sh test

build: ## compiles the server
	@scripts/install-deps.sh serve
	@npm run --silent build

demo: ## builds a Debian image and netboots it in a virtual machine, showing each stage
	@scripts/install-deps.sh demo
	@npm run --silent build
	@node --import tsx scripts/demo.ts

docs: ## builds the documentation as a site, which the daemon then serves at /docs/
	@scripts/install-deps.sh docs
	@npm run --silent build --prefix site
	@npm run --silent build

serve: build ## starts the daemon with CONFIG (config.yaml)
	@exec node dist/cli.js serve --config $(CONFIG)

test: deps build ## runs every check, virtual machines included
	@node --import tsx scripts/test.ts

test-all: deps build ## the same, and what takes too long for every run
	@node --import tsx scripts/test.ts --all

check: build ## what needs no root, no network namespaces and no virtual machine: lint, unit tests, simulated fleets
	@node --import tsx scripts/test.ts lint unit simulation

lint: build ## style, rooms, types, unused code
	@node --import tsx scripts/test.ts lint

unit: build ## the unit tests; T=NAME for those of one file
	@node_modules/.bin/vitest run --project unit $(T)

wire: deps build ## servers and clients in network namespaces, modules in an initrd; T=NAME for one file
	@node_modules/.bin/vitest run --project wire $(T)

e2e: deps build ## machines that boot; T=NAME for one file
	@node_modules/.bin/vitest run --project e2e $(T)

slow: deps build ## machines and builds that take too long for every run; T=NAME for one file
	@node_modules/.bin/vitest run --project slow $(T)

deb: docs ## makes a Debian package in build/deb; ARCH=arm64 for another architecture than this machine's
	@node_modules/.bin/tsx scripts/packages/deb.ts build/deb $(ARCH)

install: build ## copies the server to /opt/slipway, and makes the command "slipway", below DESTDIR (/ by default)
	rm -rf $(OPT).new $(OPT).old
	install -d $(OPT).new $(BIN)
	cp -rL --no-preserve=ownership dist dracut-modules $(OPT).new/
	cp -r --no-preserve=ownership node_modules package.json package-lock.json config.example.yaml config.schema.json $(OPT).new/
	npm prune --silent --omit=dev --no-audit --no-fund --offline --prefix $(OPT).new
	[ ! -e $(OPT) ] || mv $(OPT) $(OPT).old
	mv $(OPT).new $(OPT)
	ln -sfn /opt/slipway/dist/cli.js $(BIN)/slipway

install-dracut: ## copies the dracut modules below DESTDIR (/ by default)
	install -d $(DRACUT)
	cp -r --no-preserve=ownership dracut-modules/[0-9]* $(DRACUT)/
