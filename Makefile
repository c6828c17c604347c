# wxswitch. `make` alone lists what there is.
GOLANGCI := v2.12.2
GOFUMPT  := v0.10.0
GOVULN   := v1.9.0
TOOLS    := $(CURDIR)/.tools
GO       := go
FUZZTIME ?= 20s
export GOFLAGS ?= -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help demo test check lint generate fuzz bench soak build clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: ## banks, switch, front and a simulated WeChat in one process: a phone in the browser; ONCE=1 ends after a check
	@echo 'Building the demo (the first time Go compiles the embedded database too: about a minute) …'
	@CGO_ENABLED=0 $(GO) build -o .tools/demo ./cmd/demo
	@exec .tools/demo

build: ## the programs, into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/switchd ./cmd/switchctl ./cmd/frontd ./cmd/banksim ./cmd/wxsim ./cmd/demo

# The two heavy suites each have the machine to themselves: they watch deadlines.
HEAVY := wxswitch/cmd/frontd/browser wxswitch/cmd/switchd/faults
RACE   = CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 20m

test: ## every test, with the race detector; installs what they need
	@.ci/install gcc strace python3 chromium fonts-noto-cjk npm
	$(RACE) $(filter-out $(HEAVY),$(shell $(GO) list ./...))
	$(RACE) -p 1 $(HEAVY)

check: lint $(TOOLS)/govulncheck-$(GOVULN) ## what must hold besides the tests: linters, formatting, generated files, tidy modules, no known vulnerability
	$(GO) vet ./...
	$(GO) mod tidy -diff
	@.ci/generated
	@.ci/vulnerable $(TOOLS)/govulncheck-$(GOVULN)

lint: $(TOOLS)/golangci-lint-$(GOLANGCI) $(TOOLS)/gofumpt-$(GOFUMPT)
	GOLANGCI_LINT_CACHE=$(TOOLS)/lint-cache $(TOOLS)/golangci-lint-$(GOLANGCI) run ./...
	@unformatted=$$(git ls-files '*.go' | grep -v '\.gen\.go$$' | xargs $(TOOLS)/gofumpt-$(GOFUMPT) -l); \
		if [ -n "$$unformatted" ]; then echo "not gofumpt'd: $$unformatted"; exit 1; fi

$(TOOLS)/golangci-lint-$(GOLANGCI):
	GOBIN=$(TOOLS) CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@mv $(TOOLS)/golangci-lint $@

$(TOOLS)/gofumpt-$(GOFUMPT):
	GOBIN=$(TOOLS) CGO_ENABLED=0 $(GO) install mvdan.cc/gofumpt@$(GOFUMPT)
	@mv $(TOOLS)/gofumpt $@

$(TOOLS)/govulncheck-$(GOVULN):
	GOBIN=$(TOOLS) CGO_ENABLED=0 $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULN)
	@mv $(TOOLS)/govulncheck $@

generate: ## server types and client, from switch/api/openapi.yaml
	$(GO) generate ./switch/api/...

fuzz: ## each fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

bench: ## speed, as ratios against a bare relay in the same run; needs wrk
	@.ci/install wrk
	@$(GO) run ./cmd/internal/bench

soak: ## ten minutes of load; memory must stay flat
	@.ci/install wrk
	@$(GO) run ./cmd/internal/bench -soak 10m

clean: ## what was built
	rm -rf bin .tools
