package fuzz_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"darkchat/neighbors/file"
)

// FuzzPeople reads a file of people.
func FuzzPeople(f *testing.F) {
	for _, seed := range []string{
		"", "# nobody\n", "ann 192.0.2.1:6789\n",
		"bob gr2q-7gf5-lh6p-zfdn 203.0.113.2:6789 [2001:db8::1]:6789 # at home\r\n\nann 192.0.2.1:1",
		"ann\n", "ann 192.0.2.1\n", "ann host:1\n", "ann [::ffff:192.0.2.1]:7 [fe80::1%eth0]:7\n",
		"ann" + strings.Repeat(" 192.0.2.1:1", 9), strings.Repeat("a 192.0.2.1:1\n", 1025),
		"\xff\xfe 192.0.2.1:1\n", strings.Repeat("a", 70_000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		people, err := file.Parse(b)
		if err != nil {
			if len(people) > 0 {
				t.Fatalf("refused with %v, and yet read: %v", err, people)
			}
			if line := 0; !strings.HasPrefix(err.Error(), "cannot be read") {
				if _, scan := fmt.Sscanf(err.Error(), "line %d:", &line); scan != nil || line < 1 || line > 1+strings.Count(string(b), "\n") {
					t.Fatalf("the error names no line of the file: %v", err)
				}
			}
			return
		}
		if len(people) > 1024 {
			t.Fatalf("%d people", len(people))
		}
		var again strings.Builder
		for _, p := range people {
			if len(p.Addrs) < 1 || len(p.Addrs) > 8 {
				t.Fatalf("%q has %d addresses", p.Name, len(p.Addrs))
			}
			fmt.Fprint(&again, p.Name, " ", p.Fingerprint)
			for _, a := range p.Addrs {
				if !a.IsValid() || a.Addr().Is4In6() {
					t.Fatalf("%q has the address %v", p.Name, a)
				}
				fmt.Fprint(&again, " ", a)
			}
			again.WriteByte('\n')
		}
		same, err := file.Parse([]byte(again.String()))
		if err != nil || !reflect.DeepEqual(same, people) {
			t.Fatalf("written and read: %v (%v), was %v", same, err, people)
		}
	})
}
