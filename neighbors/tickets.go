package neighbors

import (
	"cmp"
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/sessions"
)

// An introducer's memory of tickets (spec/theory.md 7.3). Requests are sent again when
// their ack was lost, and datagrams overtake each other: a number that was answered is
// answered so again, and nothing is done twice; one that was not is new.

// maxAnswered is how many numbers are kept of one asker, the highest: as many requests as
// can be under way from them to us.
const maxAnswered = 64

// answers are what the tickets of each asker session were answered, those of finds and of
// explodes together. Of introduceAskers sessions, who asked longest ago goes. An asker has
// an entry by a request that was in order, whose two signatures they paid for.
type answers struct {
	of *simplelru.LRU[sessions.SessionID, []answered] // each rising by number, at most maxAnswered
}

// answered is one ticket.
type answered struct {
	number uint64
	result dgram.Result
}

func newAnswers() answers {
	of, err := simplelru.NewLRU[sessions.SessionID, []answered](introduceAskers, nil)
	if err != nil {
		panic("BUG: the bound of answers must be positive")
	}
	return answers{of}
}

// given is what a ticket was answered before, or too old for one of which that can no
// longer be told; false: it is new.
func (a *answers) given(asker sessions.SessionID, number uint64) (dgram.Result, bool) {
	list, _ := a.of.Get(asker)
	i, found := placeOf(list, number)
	switch {
	case found:
		return list[i].result, true
	case i == 0 && len(list) == maxAnswered:
		return dgram.ResultTooOld, true
	}
	return 0, false
}

// give notes what a new ticket is answered. Busy is an answer about now: it is not noted.
func (a *answers) give(asker sessions.SessionID, number uint64, r dgram.Result) dgram.Result {
	list, _ := a.of.Get(asker)
	i, _ := placeOf(list, number)
	list = slices.Insert(list, i, answered{number, r})
	if len(list) > maxAnswered {
		list = slices.Delete(list, 0, 1)
	}
	a.of.Add(asker, list)
	return r
}

// placeOf is where a number stands, or would.
func placeOf(list []answered, number uint64) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(a answered, n uint64) int { return cmp.Compare(a.number, n) })
}
