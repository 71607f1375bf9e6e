# Every target calls one script in scripts/, which installs what it needs and says so.
.DEFAULT_GOAL := help
.PHONY: help build demo test bench sweep test-vm test-runtimes test-cluster lint reference doc install uninstall dist test-dist clean

help: ## this list
	@scripts/help $(MAKEFILE_LIST)

build: ## the static plugins in bin/
	@scripts/build
demo: ## two pods, dual stack, masqueraded, broken, found, mended, gone: under 2 minutes
	@demo/demo.sh
test: ## unit, integration and side-by-side tests, and a part of test-vm
	@scripts/test $(ARGS)
bench: ## speed beside the reference: table, pictures, docs/benchmarks (6 minutes)
	@scripts/bench $(ARGS)
sweep: ## killed and failed at every system call: nothing may be left
	@scripts/sweep $(ARGS)
test-vm: ## the whole suite on Debian's 6.1 and 6.12 kernels, emulated (an hour and more)
	@tests/vm/suite.sh full $(ARGS)
test-runtimes: ## containerd, podman, libcni on a node, the live switch (3 minutes; the first time it builds them)
	@scripts/runtimes test $(ARGS)
test-cluster: ## a kubelet alone, and two nodes of Kubernetes (2 minutes; the first time it builds them: 10)
	@scripts/runtimes cluster $(ARGS)
lint: ## format, clippy, rustdoc, licences and advisories
	@scripts/lint
reference: ## the reference plugins and cnitool in .cache/reference, to compare with
	@scripts/deps reference
doc: ## the crates' documentation in target/
	@scripts/doc
install: ## the plugins into $(DESTDIR)$(PREFIX), /opt/cni/bin if unset; what was there is kept
	@scripts/install
uninstall: ## out again; what was there before comes back
	@scripts/install --remove
dist: ## the files of a release in dist/: archive, .deb, .rpm, image; ARCH=arm64 or all
	@scripts/dist $(if $(ARCH),--arch $(ARCH)) $(ARGS)
test-dist: ## two builds compared, packages and image installed and removed (5 minutes)
	@packaging/test/run.sh $(ARGS)
clean: ## build results, and with ALL=1 what was fetched (.cache)
	@scripts/clean
