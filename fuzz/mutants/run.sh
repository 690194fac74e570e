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
tree=$scratch/tree
mkdir "$tree"
tar -C "$root" -cf - --exclude=./.git --exclude=node_modules . | tar -C "$tree" -xf - || exit 1
cd "$tree" || exit 1

# run PACKAGE REGEXP: the test. Its output is in $scratch/out.
run() { go test -count=1 -timeout 120s -run "$2" "$1" >"$scratch/out" 2>&1; }

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
	! grep -qE '\[(build|setup) failed\]' "$scratch/out" &&
		grep -qE -- '--- FAIL|^panic:|^fatal error:|panic: test timed out' "$scratch/out"
}

# mutant PATCH: says why it failed, or nothing.
mutant() {
	named "$1" || { echo "its header names no invariant and no rule, or no test"; return; }
	# Without the patch the test passes; asked once for each test.
	local clean=$scratch/clean.$(printf '%s %s' "$package" "$test" | cksum | tr ' ' -)
	if [ ! -e "$clean" ]; then
		if ! run "$package" "$test"; then
			echo "$test in $package fails without it:"
			tail -n 30 "$scratch/out"
			return
		elif grep -q 'no tests to run' "$scratch/out"; then
			echo "there is no $test in $package"
			return
		fi
		touch "$clean"
	fi
	git apply -p1 "$1" 2>"$scratch/out" || { echo "it does not apply any more:"; cat "$scratch/out"; return; }
	if run "$package" "$test"; then
		echo "$test in $package does not notice it"
	elif ! noticed; then
		echo "no test failed, something else did:"
		tail -n 30 "$scratch/out"
	fi
	git apply -R -p1 "$1" || { echo "it cannot be taken back"; exit 1; }
}

passed=0
failed=0
for patch in "$here"/*"$want"*.patch; do
	[ -e "$patch" ] || break
	began=$SECONDS
	why=$(mutant "$patch")
	name=$(basename "$patch" .patch)
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		printf 'ok    %-40s %3d s\n' "$name" $((SECONDS - began))
	else
		failed=$((failed + 1))
		printf 'FAIL  %-40s %3d s\n' "$name" $((SECONDS - began))
		sed 's/^/      /' <<<"$why"
	fi
done
# Each invariant has at least one.
if [ -z "$want" ]; then
	for n in 1 2 3 4 5 6 7 8 9; do
		grep -qs "^# invariant: $n " "$here"/*.patch || { echo "FAIL  invariant $n has no mutant"; failed=$((failed + 1)); }
	done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
