# The short way to everything. CI runs the same targets through .ci/run.

GO ?= go

# The second module holds the tests that need a browser or an OpenAPI validator.
MODULES = . internal/webtest
EACH = @set -ex; for m in $(MODULES); do $(GO) -C $$m

.PHONY: all build size test fmt vet lint packaging sbom chaos chaos-store hostile sync fuzz interop bench bench-store bench-short clean

all: test build

# One static binary, without cgo and without debugging symbols.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/importer .

# What the binary takes: at most 40 MiB. Of the 36 that it has, the store takes 4, most of
# them pgx, jobs 2, and sources on other machines 3.
size: build
	@size=$$(wc -c < bin/importer); echo "bin/importer has $$((size >> 10)) KiB"; test $$size -le $$((40 << 20)) || { echo "that is more than 40 MiB"; exit 1; }

# Everything that can be told in six minutes. What starts, kills and floods processes runs
# without the race detector, which takes most of the time there: the same code is run with
# it in its own tests.
APART = importer importer/chaos% importer/hostile%
test: fmt vet
	$(GO) test -race -p 3 $(filter-out $(APART),$(shell $(GO) list ./...))
	$(GO) test -p 4 . ./chaos/... ./hostile/...
	$(GO) -C internal/webtest test -race ./...

fmt:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not gofmt'ed:"; echo "$$files"; exit 1; }

vet:
	$(EACH) vet ./...; done

# What a machine can say against the code. Both at zero.
lint: fmt vet
	$(EACH) mod tidy -diff; $(GO) -C $$m run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...; done
	.ci/vulncheck

# Lints what deploys, and builds every package of a release without publishing it.
packaging:
	.ci/packaging

# What the binary is made of, as an SBOM in the form of CycloneDX.
sbom: build
	$(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -output bin/importer.cdx.json bin/importer

# Kills an import 200 times, fills disks, cuts reports at every byte, and tries 10,000
# sequences of runs between which everything changes: about 25 minutes.
chaos:
	@command -v strace >/dev/null || apt-get install -y strace || echo "without strace: the order of system calls is not looked at"
	CHAOS=full $(GO) test -v -count=1 -timeout 40m ./chaos/...
	CHAOS=full $(GO) test -v -count=1 -run KilledAtAnyRequest .

# Processes that share a store: a thousand are killed and two hundred stopped, PostgreSQL
# crashes a hundred times, the network between fails twenty times. It prints what was counted:
# about 25 minutes.
chaos-store:
	.ci/postgresql
	CI=true CHAOS_STORE=full $(GO) test -v -count=1 -timeout 60m ./chaos/store

# Files of 10 MB that are made to take memory or time, in every command, and four times as
# much of whatever a file has many of. It prints what each takes: about 30 minutes.
hostile:
	HOSTILE=full $(GO) test -v -count=1 -timeout 120m ./hostile

# The nightly sync over 100,000 rows, a million of which 10,000 and none changed, and what
# init guesses for 50,000, and a query of a million rows: about 10 minutes.
sync:
	SYNC_ROWS=100000 $(GO) test -v -count=1 -timeout 40m -run 'UpsertSendsExactly|GuardLetsNothing|ConversationsWrite' ./internal/cli
	GUESS_ROWS=50000 $(GO) test -v -count=1 -run GuessIsNeverWorse ./source
	SYNC_ROWS=1000000 $(GO) test -v -count=1 -timeout 40m -run ForecastAndRunAgree ./internal/cli
	QUERY_ROWS=1000000 $(GO) test -v -count=1 -run MemoryStaysFlat ./source/query
	SYNC_ROWS=1000000 $(GO) test -run '^$$' -bench Unchanged -benchtime 1x -timeout 40m ./internal/cli

# Fuzzes every parser for FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@set -e; for m in $(MODULES); do for pkg in $$($(GO) -C $$m list ./...); do \
	  for f in $$($(GO) -C $$m test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) -C $$m test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg; \
	  done; done; done

# The API vendor's own client against the sandbox; needs node and npm.
interop:
	INTEROP=1 $(GO) -C internal/webtest test -count=1 -v -run TestVendorClient ./sandbox

# importer beside other ways of sending the rows of a file: 20 to 30 minutes, and
# 5 GB of temporary files. docs/performance.md tells how to read the tables. What
# is not installed is left out: wrk, curl, and with npm the API vendor's client.
bench: build
	cd bench && $(GO) build -o ../bin/bench .
	cd bench/benthos && $(GO) build -o ../../bin/benthos .
	@command -v npm >/dev/null && npm install --prefix bin/node --silent --no-audit --no-fund @cognigy/rest-api-client@0.19.0 || true
	cd bench && ../bin/bench run -bin ../bin -node ../bin/node
	$(MAKE) bench-store

# A run with its report in a store beside one with it in a file, where PostgreSQL is
# installed: about 10 minutes.
bench-store: build
	cd bench && $(GO) build -o ../bin/bench . && BENCH=100000 $(GO) test -count=1 -v -timeout 60m -run TestStore .

# That the benchmark works, in a few seconds; its figures say little.
bench-short: build
	cd bench && $(GO) vet . && $(GO) build -o ../bin/bench .
	./bin/bench run -short -bin bin
	cd bench && $(GO) test -count=1 -v -run TestStore .

clean:
	rm -rf bin
