# make            builds build/ngx_http_mds_module.so, build/mdsctl, build/libmds.a
# make install    installs the module, mdsctl, its man pages and units
# make uninstall  removes what make install has installed
# make deb        builds Debian packages in build/deb
# make test-deb   installs, upgrades and removes them in a new Debian
# make demo       installs missing packages, builds, and runs a demonstration
# make demo-fleet shows an origin with three edges
# make test       installs missing packages, builds, and runs all tests
# make prove PROVE=t/nginx/check.t   builds and runs one test (or several)
# make test-clients   runs clients of other protocols, from the npm registry
# make unit       runs the library's tests only; needs no nginx
# make page       makes the C header of the page of mds_status
# make lint       checks includes, links, formatting, cppcheck and clang-tidy
# make asan       runs the tests under ASan and UBSan
# make memcheck   runs the library's tests under valgrind
# make fuzz       runs each fuzzer for FUZZ_SECONDS (60)
# make soak       runs the long forms of all fault tests, in SOAK_MINUTES (20)
# make bench      measures speed and memory; BENCH=REGEX selects rows
# make bench-fleet   measures what edges share, by PostgreSQL
# make help       prints these lines
#
# Missing packages are installed by apt-get. "make deps" installs those that the
# build needs, and no others. deps-demo, deps-test, deps-tools (lint, fuzz,
# memcheck), deps-bench and deps-deb install the rest; the targets call them
# themselves.
#
# NGINX_SRC=DIR   uses another nginx source tree than Debian's nginx-dev
# CC, CFLAGS, LDFLAGS, DESTDIR, PREFIX, MODULESDIR and UNITDIR have their usual
# meaning.

# make uses all cores, unless it is told how many jobs it may run.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

BUILD     ?= build
ABS_BUILD  = $(if $(filter /%,$(BUILD)),$(BUILD),$(CURDIR)/$(BUILD))
NGINX_SRC ?= /usr/share/nginx/src
TEST_NGINX_BINARY ?= /usr/sbin/nginx
PREFIX    ?= /usr/local

CFLAGS    ?= -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
WARNINGS   = -Wall -Wextra -Werror
SANITIZE   =

LIBS       = -llmdb -lsodium -lzstd -lpcre2-8 -lm

# Debian has libpq-fe.h in a folder of its own, which only its wrapper needs.
PQ_CFLAGS ?= -isystem /usr/include/postgresql

# -fno-semantic-interposition: no other library replaces our functions, so the
# compiler may call them without the PLT and may inline them.
ALL_CFLAGS = -std=gnu11 -fPIC -fno-semantic-interposition -pthread \
             $(WARNINGS) $(CFLAGS) $(SANITIZE) -MMD -MP -Ilib -Imdsctl
ALL_LDFLAGS = -pthread -Wl,--as-needed $(SANITIZE) $(LDFLAGS)

# These are nginx's include directories in nginx's order. -isystem keeps our
# warnings away from nginx's headers.
NGINX_DIRS = src/core src/event src/event/modules src/event/quic src/os/unix \
             src/http src/http/modules src/http/v2 src/http/v3
NGX_CFLAGS = -Wno-unused-parameter -Ingx_mds_module \
             $(NGINX_DIRS:%=-isystem $(BUILD)/nginx-src/%) \
             -isystem $(BUILD)/nginx

MODULE     = ngx_http_mds_module
LIB_OBJS   = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/*/*.c))
CTL_OBJS   = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard mdsctl/*.c mdsctl/*/*.c))
NGX_OBJS   = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard ngx_mds_module/*.c))
UNIT_SOURCES = $(wildcard t/unit/test_*.c)
UNIT_TESTS = $(UNIT_SOURCES:t/unit/%.c=$(BUILD)/unit/%)
UNIT_HELPERS  = $(patsubst %.c,$(BUILD)/obj/%.o, \
               $(filter-out $(wildcard t/unit/test_*.c),$(wildcard t/unit/*.c)))
BENCHES    = $(patsubst t/bench/%.c,$(BUILD)/bench/%,$(wildcard t/bench/*.c))
FUZZ_NAMES = $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))
FUZZERS    = $(FUZZ_NAMES:%=$(BUILD)/fuzz/fuzz_%)
REPLAYS    = $(FUZZ_NAMES:%=$(BUILD)/replay/%)
FUZZ_HELPERS  = $(BUILD)/obj/t/fuzz/file.o $(BUILD)/obj/t/fuzz/table.o \
             $(filter-out %/main.o,$(CTL_OBJS))
PRODUCT    = $(wildcard lib/*/*.[ch] mdsctl/*.[ch] mdsctl/*/*.[ch] ngx_mds_module/*.[ch])

# These Debian packages are needed for the build, the demo, the tests, the tools
# and the benchmarks. libnginx-mod-http-lua and -nchan enable themselves in the
# machine's nginx, so only deps-bench installs them.
BUILD_PACKAGES = build-essential ca-certificates nginx-dev zlib1g-dev \
                 libssl-dev liblmdb-dev libsodium-dev \
                 libzstd-dev libpcre2-dev libarchive-dev libcurl4-openssl-dev \
                 libpq-dev
DEMO_PACKAGES  = $(BUILD_PACKAGES) perl nginx curl zstd minisign
TEST_PACKAGES  = $(DEMO_PACKAGES) libcmocka-dev openssl wrk rsync unzip \
                 python3 prometheus chromium postgresql-15
TOOL_PACKAGES  = $(BUILD_PACKAGES) libcmocka-dev clang libclang-rt-14-dev \
                 clang-format clang-tidy cppcheck valgrind
BENCH_PACKAGES = $(TEST_PACKAGES) valgrind libnginx-mod-http-lua lua-cjson \
                 libnginx-mod-nchan
CLIENT_PACKAGES = $(filter-out chromium,$(TEST_PACKAGES)) \
    $(call package_of,node,nodejs) $(call package_of,npm,npm) \
    $(call package_of,chromium,chromium)
DEB_PACKAGES   = $(BUILD_PACKAGES) nginx debhelper po-debconf fakeroot lintian \
                 mmdebstrap man-db groff-base bash-completion zsh fish

# The package, unless its program is in PATH: a nodejs of another origin brings its
# own npm, and conflicts with Debian's.
package_of = $(if $(shell command -v $(1) 2> /dev/null),,$(2))

.PHONY: all clean help page deps deps-demo deps-test deps-tools deps-bench \
        deps-deb install install-files uninstall man deb test-deb unit test \
        prove test-clients deps-clients lint asan asan-run memcheck fuzz fuzz-run bench \
        bench-fleet soak demo demo-fleet demo-stop FORCE
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BUILD)/libmds.a $(BUILD)/mdsctl $(BUILD)/$(MODULE).so

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile


# --- the library, mdsctl, unit tests

$(BUILD)/libmds.a: $(LIB_OBJS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/mdsctl: $(CTL_OBJS) $(BUILD)/libmds.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/unit/%: $(BUILD)/obj/t/unit/%.o $(UNIT_HELPERS) $(BUILD)/libmds.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/unit/test_alloc: $(BUILD)/obj/t/lib/alloc_fault.o

# It counts the versions that a decision parses.
$(BUILD)/unit/test_decide: private override LDFLAGS += -Wl,--wrap=mds_version_parse

# A replay program runs each input of a fuzzer's corpus once.
$(BUILD)/replay/%: $(BUILD)/obj/t/fuzz/fuzz_%.o $(BUILD)/obj/t/fuzz/replay.o \
    $(BUILD)/libfuzz.a $(BUILD)/libmds.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libfuzz.a: $(FUZZ_HELPERS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(BUILD)/headers
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/mdsctl/database/%.o: private override ALL_CFLAGS += $(PQ_CFLAGS)

# The SQL is embedded.
$(BUILD)/obj/mdsctl/database/schema.o: $(wildcard mdsctl/database/*.sql)

# alloc_fault replaces malloc() before the sanitizer's runtime has started.
$(BUILD)/obj/t/lib/alloc_fault.o: override SANITIZE =

# It starts the processes of a test.
$(BUILD)/spawn: $(BUILD)/obj/t/lib/spawn.o
	$(CC) $(ALL_LDFLAGS) -o $@ $^

# A changed compiler or flag rebuilds everything.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ \
	    || echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@

# Reports a missing header with the package that contains it.
$(BUILD)/headers:
	@mkdir -p $(@D)
	@command -v $(firstword $(CC)) > /dev/null \
	    || { echo 'mds: compiler $(CC) not found; run "make deps"' >&2; exit 1; }
	@for pair in lmdb.h:liblmdb-dev sodium.h:libsodium-dev \
	    zstd.h:libzstd-dev pcre2.h:libpcre2-dev \
	    curl/curl.h:libcurl4-openssl-dev archive.h:libarchive-dev \
	    libpq-fe.h:libpq-dev; do \
	    echo "#include <$${pair%%:*}>" \
	        | $(CC) $(PQ_CFLAGS) -DPCRE2_CODE_UNIT_WIDTH=8 -E -xc - \
	            > /dev/null 2>&1 \
	        || { echo "mds: $${pair%%:*} is missing; run \"make deps\", or" \
	             "apt-get install $${pair##*:}" >&2; exit 1; }; \
	done
	@touch $@


# --- the module; nginx is configured in a copy of its tree to get its headers

$(BUILD)/nginx/Makefile: config
	@test -x "$(NGINX_SRC)/configure" \
	    || test -x "$(NGINX_SRC)/auto/configure" \
	    || { echo 'mds: nginx source not found in $(NGINX_SRC); run "make deps",' \
	         'apt-get install nginx-dev, or give NGINX_SRC=DIR' >&2; exit 1; }
	@rm -rf $(BUILD)/nginx-src $(BUILD)/nginx
	@mkdir -p $(BUILD)/nginx-src
	@cp -R "$(NGINX_SRC)/." $(BUILD)/nginx-src
	@ln -sfn "$(CURDIR)" $(BUILD)/mds
	@cd $(BUILD)/nginx-src && rm -rf objs \
	    && { test -x configure || ln -s auto/configure configure; } \
	    && bash -c 'NGX_CONF_FLAGS=(--with-compat --with-threads); \
	        if [ -f conf_flags ]; then . ./conf_flags; fi; \
	        ./configure "$${NGX_CONF_FLAGS[@]}" --with-cc="$(CC)" \
	            --add-dynamic-module=../mds \
	            --builddir=../nginx' \
	        > ../nginx-configure.log \
	    || { grep -B 1 -A 4 'error:' ../nginx-configure.log >&2; \
	         echo 'mds: failed to configure nginx; see' \
	              '$(BUILD)/nginx-configure.log' >&2; exit 1; }
	@touch $@

$(BUILD)/obj/ngx_mds_module/%.o: ngx_mds_module/%.c $(BUILD)/flags \
    $(BUILD)/nginx/Makefile | $(BUILD)/headers
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(NGX_CFLAGS) -c -o $@ $<

$(BUILD)/nginx/$(MODULE)_modules.o: $(BUILD)/nginx/Makefile $(BUILD)/flags
	$(CC) $(ALL_CFLAGS) $(NGX_CFLAGS) -c -o $@ $(@:.o=.c)

$(BUILD)/$(MODULE).so: $(NGX_OBJS) $(BUILD)/nginx/$(MODULE)_modules.o \
    $(BUILD)/libmds.a
	$(CC) -shared $(ALL_LDFLAGS) -Wl,-z,relro,-z,now,-Bsymbolic -o $@ $^ $(LIBS)


# --- tests

unit: $(UNIT_TESTS) $(REPLAYS)
	@for test in $(UNIT_TESTS); do \
	    echo "$$test"; $(TEST_WRAPPER) $$test || exit 1; \
	done
	@for name in $(FUZZ_NAMES); do \
	    $(TEST_WRAPPER) $(BUILD)/replay/$$name t/fuzz/corpus/$$name || exit 1; \
	done

test: deps-test
	$(MAKE) all
	$(MAKE) unit
	$(MAKE) prove

# The longest ones are begun first, so that none of them is left alone at the end.
LONG_TESTS = t/cli/snapshot.t t/cli/fault_kill.t t/cli/list.t t/fleet/fleet.t \
             t/cli/fault_disk.t t/cli/irregular.t t/cli/help.t t/cli/readme.t \
             t/nginx/fault_kill_worker_windows.t t/nginx/fault_stale_readers.t
PROVE     ?= $(LONG_TESTS) $(filter-out $(LONG_TESTS), \
             $(wildcard t/fleet/*.t t/nginx/*.t t/cli/*.t))

prove: all man $(BUILD)/bench/ids $(BUILD)/spawn
	MDS_BUILD="$(ABS_BUILD)" TEST_NGINX_BINARY=$(TEST_NGINX_BINARY) \
	    prove -j4 --timer $(PROVE)

# The clients are installed into $(BUILD)/clients. Where the npm registry cannot be
# reached, their tests are skipped and say so.
test-clients: deps-clients
	t/clients/install "$(ABS_BUILD)"
	$(MAKE) prove PROVE=t/clients

SANITIZE_OPTIONS = -fno-sanitize-recover=all -fno-omit-frame-pointer

# Builds and tests everything with ASan and UBSan. nginx itself is the packaged
# binary, so the runtimes are loaded by LD_PRELOAD, and leak detection is off
# because nginx does not free its memory at exit.
asan:
	$(MAKE) asan-run BUILD=$(BUILD)/asan CFLAGS='-O1 -g' \
	    SANITIZE='-fsanitize=address,undefined $(SANITIZE_OPTIONS)'

asan-run: export UBSAN_OPTIONS = print_stacktrace=1
asan-run: all
	$(MAKE) unit
	ASAN_OPTIONS=detect_leaks=0 TEST_NGINX_PRELOAD="$(foreach lib, \
	    libasan.so libubsan.so,$(shell $(CC) -print-file-name=$(lib)))" \
	    $(MAKE) prove

# Runs the library's tests and the fuzzers' corpus under valgrind, which finds
# reads of uninitialized memory; ASan does not. Randomized tests compare a hundred
# thousand answers and would be too slow, and test_alloc has its own allocator:
# both run under ASan only.
memcheck: deps-tools
	$(MAKE) unit BUILD=$(BUILD)/memcheck \
	    UNIT_SOURCES='$(shell grep -LE '(prng|alloc_fault)\.h"' t/unit/test_*.c)' \
	    CFLAGS='-O1 -g -DMDS_LMDB_MAP_BYTES=4294967296u' \
	    TEST_WRAPPER='valgrind --quiet --error-exitcode=9 --leak-check=full \
	        --errors-for-leak-kinds=definite,indirect \
	        --suppressions=t/unit/valgrind.supp'

FUZZ_SECONDS ?= 60
FUZZ         ?= $(FUZZ_NAMES)

fuzz: deps-tools
	$(MAKE) fuzz-run BUILD=$(BUILD)/fuzz CC=clang CFLAGS='-O1 -g' \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined $(SANITIZE_OPTIONS)'

$(BUILD)/fuzz/%: $(BUILD)/obj/t/fuzz/%.o $(BUILD)/obj/t/fuzz/mutate.o \
    $(BUILD)/libfuzz.a $(BUILD)/libmds.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# New inputs are written to the build directory, not to t/fuzz/corpus. To keep the
# useful ones, run "$(BUILD)/fuzz/fuzz_NAME -merge=1 KEPT FOUND"; add the input
# that found a bug under a name that describes the bug. -max_len is one byte more
# than an edge accepts, and -len_control=0 tries long inputs from the start.
fuzz-run: $(FUZZERS)
	@for name in $(FUZZ); do \
	    mkdir -p $(BUILD)/corpus/$$name; \
	    echo "fuzz_$$name, $(FUZZ_SECONDS) s"; \
	    dict=; test ! -f t/fuzz/dict/$$name \
	        || dict=-dict=t/fuzz/dict/$$name; \
	    $(BUILD)/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) \
	        -max_len=65537 -len_control=0 $$dict \
	        -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/$$name- \
	        $(BUILD)/corpus/$$name t/fuzz/corpus/$$name \
	        > $(BUILD)/$$name.log 2>&1 \
	        || { tail -60 $(BUILD)/$$name.log; exit 1; }; \
	    grep stat::number_of_executed_units $(BUILD)/$$name.log; \
	done

page:
	@mkdir -p $(BUILD)
	perl ngx_mds_module/status_page.pl ngx_mds_module/status.html \
	    > $(BUILD)/status_page.h
	cp $(BUILD)/status_page.h ngx_mds_module/ngx_http_mds_status_page.h

lint: deps-tools $(BUILD)/nginx/Makefile
	t/lint/includes
	t/lint/fold --check
	t/lint/links
	@for name in $(notdir $(wildcard t/fuzz/dict/*)); do \
	    test -f t/fuzz/fuzz_$$name.c \
	        || { echo "t/fuzz/dict/$$name: there is no fuzzer of this name" >&2; exit 1; }; \
	done
	clang-format --dry-run -Werror $(PRODUCT)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -Ilib -Imdsctl \
	    -j2 --cppcheck-build-dir=$(BUILD)/cppcheck \
	    --enable=warning,performance,portability \
	    --suppressions-list=.cppcheck lib mdsctl ngx_mds_module
	clang-tidy --quiet $(wildcard lib/*/*.c mdsctl/*.c mdsctl/*/*.c) -- -std=gnu11 -Ilib -Imdsctl $(PQ_CFLAGS)
	clang-tidy --quiet $(wildcard ngx_mds_module/*.c) \
	    -- -std=gnu11 -Ilib $(NGX_CFLAGS)

$(BUILD)/bench/%: $(BUILD)/obj/t/bench/%.o $(BUILD)/libmds.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench: deps-bench
	@$(MAKE) all $(BENCHES) $(BUILD)/spawn
	@MDS_BUILD="$(ABS_BUILD)" TEST_NGINX_BINARY=$(TEST_NGINX_BINARY) \
	    t/bench/run '$(BENCH)'

bench-fleet: deps-test
	@$(MAKE) all
	@MDS_BUILD="$(ABS_BUILD)" t/fleet/bench

soak: all $(UNIT_TESTS) $(BUILD)/spawn
	@MDS_BUILD="$(ABS_BUILD)" TEST_NGINX_BINARY=$(TEST_NGINX_BINARY) \
	    t/soak/run

demo: deps-demo
	$(MAKE) all
	@BUILD='$(BUILD)' TEST_NGINX_BINARY='$(TEST_NGINX_BINARY)' t/demo/run

demo-fleet: deps-demo
	$(MAKE) all
	@BUILD='$(BUILD)' TEST_NGINX_BINARY='$(TEST_NGINX_BINARY)' t/demo/fleet

demo-stop:
	@BUILD='$(BUILD)' t/demo/stop


# --- the system

# Installs the missing packages of $(DEPS). If none is missing, nothing changes.
# policy-rc.d keeps apt from starting or stopping services meanwhile.
define install_missing
	@missing=; for name in $(DEPS); do \
	    dpkg-query -W -f='$${db:Status-Status}\n' $$name 2> /dev/null \
	        | grep -qx installed || missing="$$missing $$name"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get > /dev/null; then \
	    echo 'mds: apt-get not found; install the equivalents of these Debian 12 packages:' \
	         "$$missing" >&2; exit 1; fi; \
	if [ "$$(id -u)" != 0 ]; then \
	    echo "mds: only root can install:$$missing; run \"make $@\" as root" >&2; \
	    exit 1; fi; \
	policy=$(POLICY); \
	if [ ! -e $$policy ]; then \
	    trap 'rm -f '$$policy EXIT; trap 'exit 1' HUP INT TERM; \
	    printf '#!/bin/sh\nexit 101\n' > $$policy && chmod 755 $$policy \
	        || exit 1; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update \
	    && apt-get -q -y install --no-install-recommends $$missing
endef

POLICY ?= /usr/sbin/policy-rc.d

deps:       DEPS = $(BUILD_PACKAGES)
deps-demo:  DEPS = $(DEMO_PACKAGES)
deps-test:  DEPS = $(TEST_PACKAGES)
deps-tools: DEPS = $(TOOL_PACKAGES)
deps-bench: DEPS = $(BENCH_PACKAGES)
deps-deb:   DEPS = $(DEB_PACKAGES)
deps-clients: DEPS = $(CLIENT_PACKAGES)

deps deps-demo deps-test deps-tools deps-bench deps-deb deps-clients:
	$(install_missing)

# The man pages, from the descriptions of the commands; that of mdsctl is the last.
man: $(BUILD)/man/mdsctl.1

$(BUILD)/man/mdsctl.1: $(BUILD)/mdsctl
	@mkdir -p $(@D)
	@for name in $$($< complete -- '' | sed '1d;s/\t.*//'); do \
	    $< man $$name > $(@D)/mdsctl-$$name.1 || exit 1; \
	done
	@$< man > $@

UNITDIR ?= $(PREFIX)/lib/systemd/system
INSTALL_MODULES = $(or $(MODULESDIR),$(shell $(TEST_NGINX_BINARY) -V 2>&1 \
    | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'),/usr/lib/nginx/modules)

# What is installed: mode, file, folder, and its name there.
INSTALLED = 755:$(BUILD)/mdsctl:$(PREFIX)/bin:mdsctl \
    644:$(BUILD)/$(MODULE).so:$(INSTALL_MODULES):$(MODULE).so \
    644:$(BUILD)/mod-http-mds.conf:/usr/share/nginx/modules-available:mod-http-mds.conf \
    644:mdsctl/completion/mdsctl.bash:$(PREFIX)/share/bash-completion/completions:mdsctl \
    644:mdsctl/completion/_mdsctl:$(PREFIX)/share/zsh/$(ZSH_FOLDER):_mdsctl \
    644:mdsctl/completion/mdsctl.fish:$(PREFIX)/share/fish/vendor_completions.d:mdsctl.fish \
    $(foreach page,$(notdir $(wildcard $(BUILD)/man/*.1)), \
        644:$(BUILD)/man/$(page):$(PREFIX)/share/man/man1:$(page)) \
    $(foreach unit,$(notdir $(wildcard mdsctl/systemd/*)), \
        644:$(BUILD)/systemd/$(unit):$(UNITDIR):$(unit))

# Debian's zsh looks for packages' functions elsewhere.
ZSH_FOLDER = $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)

install: all
	@$(MAKE) man
	@$(MAKE) install-files

install-files:
	@mkdir -p $(BUILD)/systemd
	@for unit in mdsctl/systemd/*; do \
	    sed 's|@bindir@|$(PREFIX)/bin|' $$unit \
	        > $(BUILD)/systemd/$${unit##*/} || exit 1; \
	done
	@echo 'load_module modules/$(MODULE).so;' > $(BUILD)/mod-http-mds.conf
	@for entry in $(INSTALLED); do \
	    ( IFS=:; set -- $$entry; \
	      install -D -m $$1 "$$2" "$(DESTDIR)$$3/$$4" ) || exit 1; \
	done

uninstall:
	@rm -f "$(DESTDIR)$(PREFIX)"/share/man/man1/mdsctl.1 \
	    "$(DESTDIR)$(PREFIX)"/share/man/man1/mdsctl-*.1
	@for entry in $(INSTALLED); do \
	    ( IFS=:; set -- $$entry; rm -f "$(DESTDIR)$$3/$$4" ) || exit 1; \
	done

# dpkg-buildpackage writes beside the tree that it builds, so it gets a copy.
deb: deps-deb
	rm -rf '$(ABS_BUILD)/deb'
	mkdir -p '$(ABS_BUILD)/deb/mds'
	tar -c --exclude=./.git --exclude='./$(BUILD)' . \
	    | tar -x -C '$(ABS_BUILD)/deb/mds'
	cd '$(ABS_BUILD)/deb/mds' && unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS \
	    && DEB_BUILD_OPTIONS="noautodbgsym parallel=$$(nproc)" \
	    dpkg-buildpackage -b -us -uc
	lintian --fail-on error,warning '$(ABS_BUILD)'/deb/*.changes

test-deb: deb
	MDS_BUILD='$(ABS_BUILD)' t/deb/run

clean:
	@BUILD='$(BUILD)' t/demo/stop --remove
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path '$(BUILD)/deb' -prune \
    -o -path '$(BUILD)/test-deb' -prune -o -type f -name '*.d' -print 2> /dev/null)
