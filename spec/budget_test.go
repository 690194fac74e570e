package spec_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"darkchat/sessions/budget"
	"darkchat/spec"
)

// The rows of the group budget are sessions/budget.Table, number for number, in its order:
// who may have how much of what, and, of a rate, how much of it comes back in a second. A
// seed's numbers stand where they differ.
func TestBudgetsAreTheTable(t *testing.T) {
	rows, err := spec.Registry()
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for _, r := range rows {
		if r.Group == "budget" {
			listed = append(listed, strings.Join([]string{r.Group, r.Name, r.Value, r.Unit, r.Where, r.Code, r.Reason}, ","))
		}
	}
	for _, row := range budget.Table {
		client := budgetRows(row, "", row.Client)
		want = append(want, client...)
		for _, line := range budgetRows(row, "seed ", row.Seed) {
			same := strings.Replace(line, "budget,"+row.Name+" seed ", "budget,"+row.Name+" ", 1)
			if !contains(client, same) {
				want = append(want, line)
			}
		}
	}
	for i := range max(len(listed), len(want)) {
		got, line := "nothing", "nothing"
		if i < len(listed) {
			got = listed[i]
		}
		if i < len(want) {
			line = want[i]
		}
		if got != line {
			t.Fatalf("row %d of the group budget is\n%s\nand not\n%s\nall of them:\n%s", i+1, got, line, strings.Join(want, "\n"))
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// budgetRows lists what is bound of one pool, for a client or a seed.
func budgetRows(row budget.Row, who string, s budget.Shares) (list []string) {
	add := func(name string, a budget.Amount) {
		if a == (budget.Amount{}) {
			return
		}
		most := "budget,%s %s%s,%s,%s,theory.md 11.2,sessions/budget.Table,%s"
		reason := row.Why
		if strings.ContainsAny(reason, ",") {
			reason = strings.ReplaceAll(reason, ",", ";")
		}
		list = append(list, fmt.Sprintf(most, row.Name, who, name, decimal(a.Most), row.Unit, reason))
		if row.Rate {
			list = append(list, fmt.Sprintf(most, row.Name, who, name+" a second", decimal(a.PerSecond), row.Unit, reason))
		}
	}
	for c := range budget.Classes {
		add(budget.Class(c).String(), s.All[c])
	}
	add("key", s.Key)
	add("network", s.Prefix)
	return list
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
