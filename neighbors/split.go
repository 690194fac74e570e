package neighbors

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// split cuts a line into parts of at most size bytes, between grapheme clusters,
// so that no part shows half a letter. A cluster longer than size, which no
// script of the world needs, is cut between code points.
func split(line string, size int) (parts []string) {
	if len(line) <= size {
		return []string{line}
	}
	start, end, state := 0, 0, -1
	for rest := line; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		for len(cluster) > 0 {
			n := len(cluster)
			if n > size {
				n = size
				for n > 0 && !utf8.RuneStart(cluster[n]) {
					n--
				}
			}
			if end-start+n > size {
				parts, start = append(parts, line[start:end]), end
			}
			end += n
			cluster = cluster[n:]
		}
	}
	return append(parts, line[start:end])
}
