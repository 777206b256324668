# The commands of daily work. `make` alone prints them.

GO       ?= go
# Two test binaries at a time: the suites start servers, browsers and proxies.
PARALLEL ?= 2
FUZZTIME ?= 30s
BENCH    ?= .
COUNT    ?= 1
# Where a race would let somebody in, the short form runs with the detector too.
RACY     := ./session/... ./store/... ./authenticate/... ./proxy/...

.DEFAULT_GOAL := help
.PHONY: help build demo check test-deps test race e2e fuzz soak bench

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/sallyport
	$(GO) build -trimpath -o bin/sallyport ./cmd/proxy

demo: ## run everything offline: stand-in Okta, sample application, proxy
	$(GO) run ./examples/quickstart

check: ## format, vet, staticcheck, rules of the tree
	@unformatted=$$($(GO) tool gofumpt -l .); \
	if [ -n "$$unformatted" ]; then echo "not gofumpt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test .

test-deps: ## install the real parts that tests start, or say what will skip
	@.ci/test-deps

test: test-deps check ## everything in its short form; what CI runs
	$(GO) test -p $(PARALLEL) -timeout 15m ./...
	@if command -v gcc >/dev/null || command -v clang >/dev/null; then set -x; \
	$(GO) test -race -short -p $(PARALLEL) -timeout 15m $(RACY); \
	else echo "*** no C compiler: the race detector did not run"; fi

race: ## every test with the race detector
	$(GO) test -race -p $(PARALLEL) -timeout 40m ./...

e2e: test-deps ## whole flows: browser, certified OpenID Provider, real listeners
	$(GO) test -count=1 -v -timeout 20m ./internal/e2e/... ./internal/harness/...

fuzz: ## each fuzz target for FUZZTIME (30s)
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for f in $$($(GO) test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
			echo "== $$dir $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
		done; \
	done

soak: ## what is long: all tests three times with the race detector, fuzzing for 5 minutes each
	$(GO) test -race -count=3 -p $(PARALLEL) -timeout 2h ./...
	$(MAKE) fuzz FUZZTIME=5m

bench: ## benchmarks; BENCH=regexp COUNT=6, then: go tool benchstat
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -p 1 -timeout 1h ./...
