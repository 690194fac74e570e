package store

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"darkchat/sessions/kv"
)

// The small state files are text: a first line with their kind and format, then one `key value` a
// line. Lines that begin with # are for people.
const (
	// maxTextFile bounds what is read of one.
	maxTextFile = 4 << 10
	// textFormat is the format that this program writes and the newest it reads.
	textFormat = 1
)

// textFile is the fields of such a file, by key.
type textFile map[string]string

// readTextFile reads the file at path, which must be of the given kind, "identity" or "session". It
// fails with ErrDamaged, ErrNewer or the system's error.
func readTextFile(path, kind string) (textFile, error) {
	f, err := OpenRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseTextOf(f, kind)
}

func parseTextOf(f io.Reader, kind string) (textFile, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxTextFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxTextFile {
		return nil, fmt.Errorf("%w: it is too long", ErrDamaged)
	}
	return parseTextFile(string(b), kind)
}

func parseTextFile(s, kind string) (textFile, error) {
	// A copy may have gone through an editor or mail program that ends lines in CR LF.
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	if lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("%w: its end is missing", ErrDamaged)
	}
	format, ok := strings.CutPrefix(lines[0], "darkchat "+kind+" ")
	if !ok {
		return nil, fmt.Errorf("%w: it is not a %s file", ErrDamaged, kind)
	}
	switch n, err := strconv.ParseUint(format, 10, 32); {
	case err != nil || n == 0:
		return nil, fmt.Errorf("%w: its format is unknown", ErrDamaged)
	case n > textFormat:
		return nil, fmt.Errorf("%w (format %d, known %d)", kv.ErrNewer, n, textFormat)
	}
	fields := textFile{}
	for _, line := range lines[1:] {
		if line = strings.TrimRight(line, " \t"); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, " ")
		if _, twice := fields[key]; !ok || twice {
			return nil, fmt.Errorf("%w: a line of it is wrong", ErrDamaged)
		}
		fields[key] = value
	}
	return fields, nil
}

// number returns a field that is a decimal number.
func (t textFile) number(key string) (uint64, error) {
	n, err := strconv.ParseUint(t[key], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is not a number", ErrDamaged, key)
	}
	return n, nil
}

// formatTextFile is the inverse of parseTextFile, in the order of the pairs.
func formatTextFile(kind, note string, pairs ...[2]string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "darkchat %s %d\n", kind, textFormat)
	if note != "" {
		fmt.Fprintf(&b, "# %s\n", note)
	}
	for _, p := range pairs {
		fmt.Fprintf(&b, "%s %s\n", p[0], p[1])
	}
	return []byte(b.String())
}
