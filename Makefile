# Everything here installs what it needs from Debian and npm first; see README.md.
.DEFAULT_GOAL := help
CONFIG ?= config.yaml
DRACUT = $(DESTDIR)/usr/lib/dracut/modules.d

.PHONY: help deps build demo serve test test-all install-dracut

help: ## lists these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

deps:
	@scripts/install-deps.sh

build: deps
	@npm run --silent build

demo: build ## builds a Debian image and netboots it in a virtual machine, showing each stage
	@node --import tsx scripts/demo.ts

serve: build ## starts the daemon with CONFIG (config.yaml)
	@exec node dist/cli.js serve --config $(CONFIG)

test: build ## runs every check, virtual machines included
	@node --import tsx scripts/test.ts

test-all: build ## the same, and what takes too long for every run
	@node --import tsx scripts/test.ts --all

install-dracut: ## copies the dracut modules below DESTDIR (/ by default)
	install -d $(DRACUT)
	cp -r --no-preserve=ownership dracut-modules/[0-9]* $(DRACUT)/
