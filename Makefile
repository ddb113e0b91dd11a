# The commands of this project; what they do stands in tools/. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run build test faults bench bench-view soak fuzz fuzz-http faults-view differential deb servers format lint clean
.NOTPARALLEL:
export DB

help: ## This list
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

run: ## Install, build and start everything with demo data; Ctrl-C stops it and keeps the data (.run/)
	@tools/install run
	@/usr/bin/python3 tools/run.py

build: ## Build build/tipster and build/tipster-server
	@tools/install run
	@tools/deps
	@tools/build build

test: ## All tests on their own servers and ports; DB=mysql: on MySQL 8 instead of MariaDB
	@tools/install test
	@/usr/bin/python3 tools/test.py

faults: build servers ## Every fault under load, and what was lost (nothing); FAULTS='--mix 15 --seed 1' for all at random
	@tools/build build-faults
	@/usr/bin/python3 tests/faults/faults.py $(FAULTS)

bench: build servers ## Speed and memory against the bars, and build/bench.json; BENCH='--quick' for a trial
	@/usr/bin/python3 tests/bench/bench.py $(BENCH)

bench-view: servers ## The view's speed and size against the bars, and build/bench-view.json; BENCH='--quick' for a trial
	@tools/build build-bench
	@/usr/bin/python3 tests/bench/bench.py --build build-bench --only answers,flat,view,rebuild,apply --json build/bench-view.json $(BENCH)

soak: build servers ## SOAK_MINUTES (60) at half the maximal load: does memory grow, does it slow down? SOAK='--share 0.3'
	@/usr/bin/python3 tests/bench/soak.py $(SOAK)

fuzz: ## Search with the fuzz targets, FUZZ_SECONDS (180) each; FUZZ='user query': only those
	@tools/install test
	@tools/deps librdkafka
	@tools/build build-fuzz
	@/usr/bin/python3 tests/fuzz/run.py $(FUZZ)

fuzz-http: servers ## Random requests against the sanitized server for 10 minutes; HTTP_FUZZ='--seconds 60 --seed 7'
	@tools/build build-asan
	@/usr/bin/python3 tests/fuzz/http_fuzz.py $(HTTP_FUZZ)

faults-view: build servers ## 200 times kill -9 of tipster index under load, building included; KILLS=n
	@KILLS=$${KILLS:-200} /usr/bin/python3 -m pytest -q tests/e2e/test_index.py -k kill_9

differential: build servers ## View and SQL asked the same 100 000 times, byte for byte; REQUESTS=n SEED=n
	@DIFFERENTIAL_REQUESTS=$${REQUESTS:-100000} /usr/bin/python3 -m pytest -q -s tests/e2e/test_differential.py

deb: ## A Debian package in build-deb/, shown to lintian, installed and removed in a minimal Debian
	@tools/install run
	@tools/install deb
	@tools/deps librdkafka kafka
	@tools/package
	@/usr/bin/python3 -m pytest -q tests/package

servers: # what the tests' own servers are made of, and the tests' tools
	@tools/install test
	@tools/deps librdkafka kafka $(filter mysql,$(DB))

format: ## Format the C sources
	@find src generator tests -name '*.[ch]' -exec /usr/bin/clang-format -i {} +

lint: ## Include arrows, limits, and formatting
	@/usr/bin/python3 tools/check_layers.py
	@tools/check_format

clean: ## Remove what was built; downloads (.deps/) and data (.run/) stay
	@rm -rf build build-* debian/.debhelper debian/tipster debian/files debian/*.substvars debian/*.debhelper debian/debhelper-build-stamp
