# Everything is built by meson and ninja; this file is for people. `make help` lists what there is.
MESON  ?= /usr/bin/meson
NINJA  ?= /usr/bin/ninja
BUILD  ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export MESON NINJA

.PHONY: all deps test asan fuzz bench run install clean help
all: ## build the program: build/pabean
	@packaging/deps build
	@[ -f $(BUILD)/build.ninja ] || echo "building (a minute or two the first time)"
	@[ -f $(BUILD)/build.ninja ] || $(MESON) setup $(BUILD) --prefix=$(abspath $(PREFIX)) >/dev/null || { cat $(BUILD)/meson-logs/meson-log.txt | tail -40; exit 1; }
	@out=$$($(NINJA) --quiet -C $(BUILD) 2>&1) || { echo "$$out"; exit 1; }

deps: ## install the Debian packages for building and testing that are missing
	@packaging/deps build test

test: ## run all tests, then again under AddressSanitizer and UBSan
	@packaging/deps build test
	@tests/run

asan: ## build with AddressSanitizer and UBSan in build-asan/ and run the tests in it
	@packaging/deps build test
	@tests/run --only-asan

fuzz: ## fuzz each parser for FUZZ_SECONDS=60 (TARGET=codec_decompress: only that one)
	@packaging/deps build fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run $(TARGET)

bench: all ## measure speed and memory (see bench/README.md)
	@packaging/deps bench
	@PABEAN=$(abspath $(BUILD)/pabean) bench/run
	@PABEAN=$(abspath $(BUILD)/pabean) bench/serve

run: all ## start the registry, push and pull two images made on the spot; or inspect IMAGE=docker://...
	@packaging/deps run
	@PABEAN=$(abspath $(BUILD)/pabean) demo/run $(IMAGE)

install: all ## install to PREFIX=/usr/local, below DESTDIR=
	@$(MESON) configure $(BUILD) --prefix=$(abspath $(PREFIX)) >/dev/null
	@out=$$($(NINJA) --quiet -C $(BUILD) 2>&1) || { echo "$$out"; exit 1; }
	@DESTDIR=$(if $(DESTDIR),$(abspath $(DESTDIR))) $(MESON) install -C $(BUILD) --no-rebuild --quiet

clean: ## remove all build directories
	rm -rf build build-asan build-fuzz build-bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
