package book

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"darkchat/sessions/identity"
)

// Given a confusables.txt of Unicode (UTS 39), of the version that package unicode has,
// TestConfusableTable writes confusables.go anew:
//
//	go test ./sessions -run TestConfusableTable -confusables /path/confusables.txt
var confusablesFile = flag.String("confusables", "", "write confusables.go anew from this file")

// The table has what can stand in a name, in order, and what a rune is drawn like needs no
// second look-up.
func TestConfusableTable(t *testing.T) {
	if *confusablesFile != "" {
		writeConfusables(t, *confusablesFile)
		return
	}
	for i, c := range confusables {
		if i > 0 && confusables[i-1].from >= c.from || !inNames(c.from) {
			t.Errorf("%U is out of order, or in no name", c.from)
		}
		if got := drawnLike(c.to); got != c.to {
			t.Errorf("%U is like %+q, and that like %+q", c.from, c.to, got)
		}
	}
	if len(confusables) < 1500 {
		t.Errorf("%d rows", len(confusables))
	}
}

// inNames says whether a rune can stand somewhere in a name, as names are decomposed.
func inNames(r rune) bool {
	if r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return true
	}
	if norm.NFD.String(string(r)) != string(r) {
		return false
	}
	return slices.ContainsFunc([]string{"a", "\u0627", "\u05d0", ""}, func(before string) bool {
		return identity.CheckName(before+string(r)) == nil
	}) || norm.NFC.String("a"+string(r)) != "a"+string(r) // it is part of a letter
}

func writeConfusables(t *testing.T, path string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, version := map[rune]string{}, ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimPrefix(s.Text(), "\ufeff")
		if v, ok := strings.CutPrefix(line, "# Version: "); ok {
			version = v
		}
		line, _, _ = strings.Cut(line, "#")
		parts := strings.Split(line, ";") // source ; target ; MA
		if len(parts) < 3 {
			continue
		}
		from, to := runesOf(t, parts[0]), runesOf(t, parts[1])
		if r := []rune(from); len(r) == 1 && inNames(r[0]) {
			rows[r[0]] = to
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `package book

// Written by TestConfusableTable, which says how, from confusables.txt of Unicode, version %s:
// what can stand in names of it. That file is (c) Unicode, Inc.; its terms are those of
// https://www.unicode.org/license.txt.

// confusables says what a rune is drawn like, sorted by rune.
var confusables = [...]struct {
	from rune
	to   string
}{
`, version)
	var froms []rune
	for r := range rows {
		froms = append(froms, r)
	}
	slices.Sort(froms)
	column := 0
	for _, r := range froms {
		row := fmt.Sprintf("{%#x, %s},", r, strconv.QuoteToASCII(rows[r]))
		switch {
		case column == 0:
			b.WriteString("\t")
		case column+1+len(row) > 115:
			b.WriteString("\n\t")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(row)
		column += len(row)
	}
	b.WriteString("\n}\n")
	if err := os.WriteFile("confusables.go", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func runesOf(t *testing.T, field string) string {
	var b strings.Builder
	for _, hex := range strings.Fields(field) {
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteRune(rune(v))
	}
	return b.String()
}
