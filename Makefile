# Everything that is done with this project by hand or in CI; "make help" lists it. What is missing on a Debian
# machine is installed on the way, by tools/install.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

IMAGE ?= sagemaker-mlp:dev
BASE ?= debian:trixie-slim
LAYERS_LIMIT_MB ?= 25
VERSION := $(shell sed -n 's/^project.sagemaker-mlp VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
REVISION := $(shell git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
JOBS := $(shell nproc)
SOURCES = $(shell find bench entrypoint model runtime test tools cmake -name '*.h' -o -name '*.cc' -o -name '*.inl')
newest = $(shell command -v $(1)-16 || command -v $(1)-19 || echo $(1))

# $(call configure,PRESET): CMake's own talk is shown where it fails.
configure = mkdir -p build && cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log >&2; exit 1; }
# $(call compile,PRESET,TARGETS)
compile = cmake --build build/$(1) --parallel $(JOBS) --target $(2)
# Makes the virtual environment of a target FOLDER/installed from its first prerequisite, a file of requirements.
make_venv = python3 -m venv $(@D) && \
  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r $< && touch $@
# $(call run_tests,PRESET)
run_tests = ctest --test-dir build/$(1) --output-on-failure --parallel $(JOBS) --label-exclude '^needs-'

.PHONY: help setup
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s%s\n", $$1, $$2}' Makefile
setup:
	@tools/install build

.PHONY: build demo train-local
build: setup ## The program, build/release/bin/mlp (the default)
	@$(call configure,release)
	@$(call compile,release,mlp)
demo: setup ## Trains the MNIST job and shows what it predicts
	@tools/install demo
	@$(call configure,release)
	@$(call compile,release,mlp mlp_demo)
	@tools/demo/run
train-local: ## The image over a made-up /opt/ml, as SageMaker runs it
	@$(call configure,release)
	@$(call compile,release,mlp_demo)
	@IMAGE=$(IMAGE) tools/train-local

# All that is timed beside peers or against a bar, in the order of docs/benchmarks.md.
BENCHES = bench-train bench-placement bench-job bench-reading bench-inference bench-serve
.PHONY: test test-emulated test-all oracle parity parity-bfloat16 quality bench $(BENCHES) bench-kernels soak asan storm
.PHONY: tsan clang
test: setup ## All tests that need no container and no Python
	@$(call configure,release)
	@$(call compile,release,all)
	@$(call run_tests,release)
test-emulated: setup ## The program on CPUs without AVX, without AVX-512 and too old ones, by qemu
	@tools/install emulation
	@$(call configure,release)
	@$(call compile,release,mlp_emulation_test mlp_kernels_test)
	@ctest --test-dir build/release --output-on-failure --parallel $(JOBS) --label-regex '^needs-qemu$$'
test-all: test test-emulated oracle test-container test-sdk ## All tests
oracle: build .venv/installed ## Keras and NumPy judge what the program reads and writes
	@$(call compile,release,mlp_steps mlp_metric_values mlp_read_table)
	@.venv/bin/python -m pytest -q test/oracle
parity: build .venv/installed ## MNIST, 20 seeds of ours against 5 of Keras (takes long)
	@.venv/bin/python test/oracle/parity.py
parity-bfloat16: build .venv/installed ## MNIST and optdigits, 10 seeds in bfloat16 against float32
	@.venv/bin/python test/oracle/precision.py
quality: build .venv/installed ## Writes docs/quality.md: tables learned beside scikit-learn and Keras (takes long)
	@.venv/bin/python test/oracle/quality.py --write docs/quality.md
	@.venv/bin/python test/oracle/quality_tables.py --write docs/quality.md
bench: ## All of bench-..., one after another; needs an idle machine (takes long)
	@$(MAKE) --jobs 1 --keep-going $(BENCHES)
bench-train: build .venv-peers/installed ## Writes docs/benchmarks.md: training steps beside other frameworks (takes long)
	@$(call compile,release,mlp_bench_step mlp_bench_ceilings)
	@.venv-peers/bin/python bench/train.py --write docs/benchmarks.md
bench-placement: build .venv-peers/installed ## Writes docs/benchmarks.md: training pinned to a core, or beside a busy process
	@$(call compile,release,mlp_bench_step)
	@.venv-peers/bin/python bench/placement.py --write docs/benchmarks.md
bench-inference: build .venv-bench/installed .venv-peers/installed ## The network alone, timed beside sgemm, ONNX Runtime and PyTorch
	@$(call compile,release,mlp_bench_inference)
	@.venv-bench/bin/python bench/inference.py
bench-kernels: setup ## The inner loops by themselves, in every instruction set; FILTER=gemm: only those
	@tools/install bench
	@$(call configure,release)
	@$(call compile,release,mlp_bench_kernels)
	@build/release/bin/mlp_bench_kernels --benchmark_min_time=0.1 --benchmark_filter='$(or $(FILTER),.)'
bench-job: build .venv-peers/installed ## Writes docs/benchmarks.md: a whole job beside Keras and PyTorch
	@.venv-peers/bin/python bench/job.py --write docs/benchmarks.md
bench-reading: build .venv-bench/installed ## Writes docs/benchmarks.md: reading CSV beside pandas, polars and pyarrow
	@$(call compile,release,mlp_read_table)
	@.venv-bench/bin/python bench/reading.py --write docs/benchmarks.md
bench-serve: build .venv-bench/installed ## Writes docs/benchmarks.md: serving beside Python servers and nginx (takes long)
	@.venv-bench/bin/python bench/serve.py --write docs/benchmarks.md
soak: build .venv-bench/installed ## Writes docs/benchmarks.md: a million requests, stop signals, large bodies
	@.venv-bench/bin/python bench/soak.py --write docs/benchmarks.md
asan: setup ## The tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(call configure,asan)
	@$(call compile,asan,all)
	@$(call run_tests,asan)
storm: setup ## 50,000 malformed requests to the server, under the sanitizers of asan
	@$(call configure,asan)
	@$(call compile,asan,mlp)
	@python3 test/oracle/storm.py
tsan: setup ## The tests under ThreadSanitizer
	@$(call configure,tsan)
	@$(call compile,tsan,all)
	@$(call run_tests,tsan)
clang: setup ## Compiles all with clang, warnings as errors
	@tools/install lint
	@$(call configure,clang)
	@$(call compile,clang,all)

.venv/installed: test/oracle/requirements.txt
	@tools/install oracle
	@$(make_venv)
.venv-bench/installed: bench/requirements.txt
	@tools/install bench
	@$(make_venv)
.venv-peers/installed: bench/train/requirements.txt
	@tools/install oracle
	@$(make_venv)
.venv-sdk2/installed .venv-sdk3/installed: .venv-sdk%/installed: test/sdk/requirements-v%.txt
	@tools/install sdk
	@$(make_venv)

.PHONY: docs
docs: build ## Writes the pages of docs that the program prints
	@for page in hyperparameters metrics; do \
	  build/release/bin/mlp describe --format markdown --page $$page >build/$$page.md && mv build/$$page.md docs; \
	done

.PHONY: format format-check tidy layers
format: ## Formats the sources
	@tools/install lint
	@$(call newest,clang-format) -i --style=file $(SOURCES)
format-check: ## Fails where a source is not formatted
	@tools/install lint
	@$(call newest,clang-format) --dry-run --Werror --style=file $(SOURCES)
tidy: setup ## Runs clang-tidy over the sources
	@tools/install lint
	@$(call configure,clang)
	@find entrypoint model runtime tools -name '*.cc' -print0 | \
	  xargs -0 -n 1 -P $(JOBS) $(call newest,clang-tidy) --quiet --warnings-as-errors='*' -p build/clang
layers: ## Fails where an include goes against the layers of the tree
	@tools/install build
	@cmake -P cmake/check_layers.cmake

.PHONY: base-image image test-image test-container test-sdk test-sdk2 test-sdk3 push
base-image: ## Makes the image's base from Debian's packages, without a registry
	@tools/install docker
	@BASE=$(BASE) tools/make-base-image
# Without BuildKit's attestations, since SageMaker takes one image, not an index of several.
image: ## The image sagemaker-mlp:dev (or IMAGE=...), and a check of its size
	@BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --tag $(IMAGE) --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$(REVISION) $(if $(SOURCE),--label org.opencontainers.image.source=$(SOURCE)) .
	@tools/image-size $(IMAGE) $(BASE) $(LAYERS_LIMIT_MB)
test-image: ## The tests on the image's own Debian, compiler and libraries
	@docker build --target build --tag sagemaker-mlp:build --build-arg BASE=$(BASE) .
	@docker build --file test/container/Dockerfile .
test-container: setup ## Runs the image in the ways SageMaker and its SDKs do
	@$(call configure,release)
	@$(call compile,release,mlp_demo)
	@IMAGE=$(IMAGE) test/container/run
# One after the other, since local mode has one network for all.
test-sdk: .venv-sdk2/installed .venv-sdk3/installed ## SageMaker's SDKs, 2 and 3, over the image, without an account
	@BASE=$(BASE) tools/install-compose
	@$(MAKE) --jobs 1 --keep-going test-sdk2 test-sdk3
test-sdk2:
	@IMAGE=$(IMAGE) .venv-sdk2/bin/python -m pytest -q test/sdk --ignore test/sdk/v3
test-sdk3:
	@IMAGE=$(IMAGE) .venv-sdk3/bin/python -m pytest -q test/sdk/v3
push: ## Pushes the image to ECR; DRY_RUN=1 prints the commands
	@IMAGE=$(IMAGE) VERSION=$(VERSION) tools/push

.PHONY: clean ci
clean: ## Removes all that was built
	@rm -rf build
ci: ## What CI runs: all the checks, from a fresh clone
	@.ci/run
