# make up     installs what is missing, builds, runs a cloud in the foreground
# make test   installs what the tests need, runs all of them
SHELL := /bin/bash
export CGO_ENABLED := 0
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo dev)
STATE_DIR ?= /var/lib/nacre
IMAGE := .cache/images/minios.qcow2

.PHONY: all build image install-run install-test up test unit e2e kill dropin bench lint fuzz
all: build

build:
	go build -ldflags="-s -w -X main.version=$(VERSION)" -o bin/nacre ./cmd/nacre

install-run:
	scripts/install run

install-test:
	scripts/install run test

image: $(IMAGE)
$(IMAGE): $(shell find images -type f 2>/dev/null)
	images/build-guest-image.sh -o .cache/images -v current
	cd .cache/images && for part in .qcow2 -kernel -ramdisk -rootfs.img; do ln -sf minios-current-x86_64$$part minios$$part; done

up: install-run build image
	bin/nacre up --state-dir $(STATE_DIR) --guest-image $(IMAGE) $(ARGS)

test: install-test build image lint unit e2e

# Packages run one at a time: some start guests, brokers and databases of their own.
unit:
	NACRE_GUEST_IMAGE=$(CURDIR)/$(IMAGE) go test -p 1 -timeout 20m ./cmd/... ./internal/...

e2e: build image
	NACRE_GUEST_IMAGE=$(CURDIR)/$(IMAGE) NACRE_BINARY=$(CURDIR)/bin/nacre go test -p 1 -timeout 20m ./test/... ./bench

# The cloud killed at every step of a boot and a deletion, on real guests, identity in each of its calls, and an image
# service at every point of an import from another region; takes some twenty minutes.
kill: install-test build image
	NACRE_GUEST_IMAGE=$(CURDIR)/$(IMAGE) NACRE_BINARY=$(CURDIR)/bin/nacre go test -tags kill -run TestKilled -timeout 60m ./test/...

# Our Keystone below OpenStack's own Glance, Placement and Nova, as Debian has them, and our Glance on its Keystone, below
# its client and Nova, and over its Swift; takes some fifteen minutes.
dropin: install-test build
	scripts/install dropin
	NACRE_BINARY=$(CURDIR)/bin/nacre go test -tags dropin -run 'TestDropIn' -timeout 30m ./test/...

# What was measured last is kept in bench/out/ and compared with; COUNT=6 and more make the comparison mean something.
BENCHSTAT := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BENCH ?= .
COUNT ?= 1
bench: install-test build image
	@mkdir -p bench/out
	set -o pipefail; NACRE_GUEST_IMAGE=$(CURDIR)/$(IMAGE) NACRE_BINARY=$(CURDIR)/bin/nacre go test -run '^$$' -bench '$(BENCH)' -benchtime 2s -count $(COUNT) \
		-timeout 3h ./bench | tee bench/out/new.txt
	@cd bench/out; if test -f last.txt; then mv last.txt before.txt; fi; mv new.txt last.txt
	@if test -f bench/out/before.txt; then $(BENCHSTAT) bench/out/before.txt bench/out/last.txt; fi

# Linters come from the module proxy, at these versions. fault.Fault.As sets a type, it is not errors.As's method.
# deadcode only lists: it does not see what JSON decoding calls. The tags are those of the tests that take long.
TAGS := kill,dropin
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEADCODE := go run golang.org/x/tools/cmd/deadcode@v0.52.0
lint:
	@out="$$(gofmt -l cmd internal test bench)"; test -z "$$out" || { echo "not formatted: $$out"; exit 1; }
	go vet -stdmethods=false -tags $(TAGS) ./...
	$(STATICCHECK) -tags $(TAGS) ./...
	$(DEADCODE) -tags $(TAGS) -test ./...

FUZZTIME ?= 30s
fuzz:
	@set -e; go list ./internal/... | while read -r pkg; do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done
