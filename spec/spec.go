// Package spec is the protocol, independent of Go: prose, CDDL, a registry of every number, and test
// vectors. Start at README.md. The Go part of it only hands the vectors and the registry to the tests
// of the other folders, so that what is written here and what the code does cannot drift apart.
package spec

import (
	"bytes"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

//go:embed vectors registry.csv
var files embed.FS

// Vector is one test vector (spec/wire.md 9): a datagram, a sealed payload or a record, and what is known
// about it.
type Vector struct {
	Name  string            // file name without ".hex"
	Keys  map[string]string // the `# key = value` lines: layer, kind, error of a bad one, keys, plaintexts
	Bytes []byte
}

// Bad returns the error that a receiver must give (spec/wire.md 8), empty for a good vector.
func (v Vector) Bad() string { return v.Keys["error"] }

// Hex returns the bytes of a key whose value is hexadecimal; nil when the key is missing or is not.
func (v Vector) Hex(key string) []byte {
	b, err := hex.DecodeString(v.Keys[key])
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// Vectors returns every vector, sorted by name. An empty folder is an error: a test that ran over no
// vector has shown nothing.
func Vectors() ([]Vector, error) {
	entries, err := files.ReadDir("vectors")
	if err != nil {
		return nil, err
	}
	var vs []Vector
	for _, e := range entries {
		b, err := files.ReadFile(path.Join("vectors", e.Name()))
		if err != nil {
			return nil, err
		}
		v, err := ParseVector(strings.TrimSuffix(e.Name(), ".hex"), b)
		if err != nil {
			return nil, fmt.Errorf("vectors/%s: %w", e.Name(), err)
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 {
		return nil, fmt.Errorf("spec/vectors is empty")
	}
	return vs, nil
}

// ParseVector reads the text of one vector file: `# key = value` lines, then hexadecimal digits with any
// white space between them.
func ParseVector(name string, text []byte) (Vector, error) {
	v := Vector{Name: name, Keys: map[string]string{}}
	var digits []byte
	for line := range bytes.Lines(text) {
		comment, ok := bytes.CutPrefix(line, []byte("#"))
		if !ok {
			digits = append(digits, bytes.Join(bytes.Fields(line), nil)...)
			continue
		}
		key, value, ok := strings.Cut(string(comment), "=")
		if !ok {
			continue // a remark
		}
		v.Keys[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	b, err := hex.DecodeString(string(digits))
	v.Bytes = b
	return v, err
}

// Row is one line of registry.csv: a number that a compatible node must know, or that this one chose.
type Row struct {
	Group  string // packet, kind, result, scope, state, flag, limit, timer, ...
	Name   string
	Value  string // decimal, in Unit
	Unit   string // B, ms, s, ... ; empty for codes
	Where  string // the section that explains it
	Code   string // the constants of this program, as folder.name, separated by spaces
	Reason string
}

// Registry returns the rows of registry.csv in their order.
func Registry() ([]Row, error) {
	b, err := files.ReadFile("registry.csv")
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = 7
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) < 2 {
		return nil, fmt.Errorf("spec/registry.csv has no rows")
	}
	rows := make([]Row, 0, len(lines)-1)
	for _, l := range lines[1:] {
		rows = append(rows, Row{l[0], l[1], l[2], l[3], l[4], l[5], l[6]})
	}
	return rows, nil
}
