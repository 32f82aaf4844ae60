# The short way to everything. CI runs the same targets through .ci/run.

GO ?= go

.PHONY: all build test fmt vet fuzz clean

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

clean:
	rm -rf bin
