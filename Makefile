# The short way to everything. CI runs the same targets through .ci/run.

GO ?= go

.PHONY: all build test fmt vet lint packaging chaos fuzz interop clean

all: test build

# One static binary, without cgo.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/importer .

# Everything that can be told in five minutes.
test: fmt vet
	$(GO) test -race ./...

fmt:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not gofmt'ed:"; echo "$$files"; exit 1; }

vet:
	$(GO) vet ./...

# What a machine can say against the code. Both at zero.
lint: fmt vet
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	.ci/vulncheck

# Lints what deploys, and builds every package of a release without publishing it.
packaging:
	.ci/packaging

# Kills an import 200 times, fills disks, cuts reports at every byte: about 15 minutes.
chaos:
	@command -v strace >/dev/null || apt-get install -y strace || echo "without strace: the order of system calls is not looked at"
	CHAOS=full $(GO) test -v -count=1 -timeout 40m ./chaos

# Fuzzes every parser for FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg; \
	  done; done

# The API vendor's own client against the sandbox; needs node and npm.
interop:
	INTEROP=1 $(GO) test -count=1 -v -run TestVendorClient ./sandbox

clean:
	rm -rf bin
