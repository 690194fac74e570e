package neighbors

import (
	"cmp"
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/sessions"
)

// An introducer's memory of tickets (spec/theory.md 7.3). Requests are re-sent when their ack is
// lost, and datagrams overtake each other. A number answered before gets the same answer again,
// and nothing is done twice; any other number is new.

// maxAnswered is how many numbers are kept for one asker, the highest ones: as many as that asker
// can have requests to us under way.
const maxAnswered = 64

// answers are the results given to the tickets of each asker session, for finds and explodes
// together. There are introduceAskers sessions; the one that asked longest ago goes. An asker gets
// an entry only by a valid request, and has paid for checking its two signatures.
type answers struct {
	of *simplelru.LRU[sessions.SessionID, []answered] // each rising by number, at most maxAnswered
}

// answered is one ticket and its result.
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

// given returns the result that a ticket got before, or too old if that is no longer known;
// false: the ticket is new.
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

// give notes the result of a new ticket. Busy is not noted: it only describes the moment.
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

// placeOf is the index at which a number stands, or would.
func placeOf(list []answered, number uint64) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(a answered, n uint64) int { return cmp.Compare(a.number, n) })
}
