#!/usr/bin/env bash
# Shows that the tests notice when a guard of an invariant is taken away.
#
#	bash fuzz/mutants/run.sh            every patch beside this file
#	bash fuzz/mutants/run.sh 3-order    those whose name contains 3-order
#
# Each patch says in its first lines which invariant it breaks and which test must
# fail then:
#
#	# invariant: 3 exactly once
#	# test: ./sessions -run '^TestTextsAreTakenInOrderAndOnce$'
#
# or, instead of an invariant, which rule of spec/theory.md: "# rule: 7.4 meeting".
#
# The work is done in a copy of the tree; nothing here is changed.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
want=${1-}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export GOFLAGS="${GOFLAGS--mod=readonly}" GIT_CEILING_DIRECTORIES=$scratch

# run PACKAGE REGEXP: the test. Its output is in $out.
run() { go test -vet=off -count=1 -timeout 120s -run "$2" "$1" >"$out" 2>&1; }

# named PATCH: sets package and test from the header.
named() {
	local line
	line=$(sed -n 's/^# test: //p' "$1" | head -n 1)
	package=${line%% *}
	test=$(sed -n "s/.*-run[ =]'\([^']*\)'.*/\1/p" <<<"$line")
	[ -n "$package" ] && [ -n "$test" ] && grep -qE '^# (invariant: [1-9]|rule: [0-9]+\.[0-9]+) ' "$1"
}

# noticed: the failure is that of a test, not of the compiler.
noticed() {
	! grep -qE '\[(build|setup) failed\]' "$out" &&
		grep -qE -- '--- FAIL|^panic:|^fatal error:|panic: test timed out' "$out"
}

# mutant PATCH: says why it failed, or nothing.
mutant() {
	named "$1" || { echo "its header names no invariant and no rule, or no test"; return; }
	# Without the patch the test passes; asked once for each test, of one binary for each package.
	local clean=$scratch/clean.$(printf '%s %s' "$package" "$test" | cksum | tr ' ' -)
	if [ ! -e "$clean" ]; then
		local binary=$tree/clean.$(basename "$package").test
		if ! { [ -e "$binary" ] || go test -vet=off -c -o "$binary" "$package" >"$out" 2>&1; } ||
			! (cd "$package" && "$binary" -test.count=1 -test.timeout 120s -test.run "$test") >"$out" 2>&1; then
			echo "$test in $package fails without it:"
			tail -n 30 "$out"
			return
		elif grep -q 'no tests to run' "$out"; then
			echo "there is no $test in $package"
			return
		fi
		touch "$clean"
	fi
	git apply -C1 -p1 "$1" 2>"$out" || { echo "it does not apply any more:"; cat "$out"; return; }
	if run "$package" "$test"; then
		echo "$test in $package does not notice it"
	elif ! noticed; then
		echo "no test failed, something else did:"
		tail -n 30 "$out"
	fi
	git apply -R -C1 -p1 "$1" || { echo "it cannot be taken back"; exit 1; }
}

# worker N OF: every OFth patch, in a tree of its own.
worker() {
	local tree=$scratch/tree$1 i=0 patch name why began
	out=$scratch/out$1
	mkdir "$tree"
	tar -C "$root" -cf - --exclude=./.git --exclude=node_modules . | tar -C "$tree" -xf - || exit 1
	cd "$tree" || exit 1
	for patch in "$here"/*"$want"*.patch; do
		[ -e "$patch" ] || break
		[ $((i++ % $2)) -eq "$1" ] || continue
		began=$SECONDS
		why=$(mutant "$patch")
		name=$(basename "$patch" .patch)
		if [ -z "$why" ]; then
			printf 'ok    %-40s %3d s\n' "$name" $((SECONDS - began))
		else
			printf 'FAIL  %-40s %3d s\n%s\n' "$name" $((SECONDS - began)) "$(sed 's/^/      /' <<<"$why")"
		fi | tee -a "$scratch/result$1"
	done
}

workers=$(nproc 2>/dev/null || echo 1)
[ "$workers" -le 4 ] || workers=4
for ((w = 0; w < workers; w++)); do worker $w "$workers" & done
wait
patches=("$here"/*"$want"*.patch)
passed=$(cat "$scratch"/result* 2>/dev/null | grep -c '^ok ')
failed=$((${#patches[@]} - passed)) # also those that a worker did not come to
# Each invariant has at least one.
if [ -z "$want" ]; then
	for n in 1 2 3 4 5 6 7 8 9; do
		grep -qs "^# invariant: $n " "$here"/*.patch || { echo "FAIL  invariant $n has no mutant"; failed=$((failed + 1)); }
	done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
