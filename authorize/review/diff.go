package review

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"sallyport/config"
	"sallyport/policy"
)

// Change is somebody who loses or gains a route, or passes it on other conditions.
type Change struct {
	Change string `json:"change"` // "loses", "gains" or "conditions"
	Entry  Entry  `json:"access"` // as it was for "loses", else as it is
}

// Diff is what two configurations make of the same people. Rules in shadow change
// nothing in it.
type Diff struct{ before, after *Review }

// NewDiff compares two reviews of the same options, to which the same people were
// added in the same order.
func NewDiff(before, after *Review) Diff { return Diff{before, after} }

// pair is one route in both configurations, nil where it is not.
type pair struct{ was, is *config.Route }

// pairs are all routes, those that are gone last. Routes are the same where their
// public URL is; of several with the same one the first is the first.
func (d Diff) pairs() []pair {
	waiting := map[string][]*config.Route{}
	for _, r := range d.before.routes {
		waiting[publicURL(r)] = append(waiting[publicURL(r)], r)
	}
	var out []pair
	for _, r := range d.after.routes {
		p := pair{is: r}
		if old := waiting[publicURL(r)]; len(old) > 0 {
			p.was, waiting[publicURL(r)] = old[0], old[1:]
		}
		out = append(out, p)
	}
	for _, r := range d.before.routes {
		if slices.Contains(waiting[publicURL(r)], r) {
			out = append(out, pair{was: r})
		}
	}
	return out
}

// Each tells every change, route by route, until yield returns false.
func (d Diff) Each(yield func(Change) bool) {
	for _, p := range d.pairs() {
		before, after := d.before.reach(p.was), d.after.reach(p.is)
		was, is := strangers(p.was), strangers(p.is)
		if kind := changed(was, is); kind != "" && !yield(change(p, kind, func(r *config.Route) Entry { return everybody(r, r.Policy.Strangers()) })) {
			return
		}
		for i, who := range d.after.people {
			was, is := before.Of(i), after.Of(i)
			kind := changed(was, is)
			if kind == "" {
				continue
			}
			how := is
			if kind == "loses" {
				how = was
			}
			if !yield(change(p, kind, func(r *config.Route) Entry { return entry(r, how, who) })) {
				return
			}
		}
	}
}

// strangers is how those pass a route who are not signed in.
func strangers(route *config.Route) *policy.Access {
	if route == nil {
		return nil
	}
	return route.Policy.Strangers()
}

func change(p pair, kind string, tell func(*config.Route) Entry) Change {
	if kind == "loses" {
		return Change{kind, tell(p.was)}
	}
	return Change{kind, tell(p.is)}
}

// changed names what happened from was to is, "" for nothing.
func changed(was, is *policy.Access) string {
	had, has := was != nil && was.May, is != nil && is.May
	switch {
	case had && !has:
		return "loses"
	case has && !had:
		return "gains"
	case has && (was.Sure != is.Sure || !slices.Equal(was.Conditions, is.Conditions)):
		return "conditions"
	}
	return ""
}

// counts are the changes of one route.
type counts struct {
	route, from              string
	loses, gains, conditions int
	strangers                string // what changes for who is not signed in, "" for nothing
}

// Summary tells the changes in a line for each route: how many people lose it, how
// many gain it, and what changes for everybody else. Where nothing changes that is
// all there is.
func (d Diff) Summary() []string {
	var order []*counts
	names := map[string]int{}
	by := map[string]*counts{}
	d.Each(func(c Change) bool {
		key := c.Entry.Route + " " + c.Entry.From
		n := by[key]
		if n == nil {
			n = &counts{route: c.Entry.Route, from: c.Entry.From}
			by[key] = n
			order = append(order, n)
			names[n.route]++
		}
		n.add(c)
		return true
	})
	if len(order) == 0 {
		return []string{"nothing changes for anybody"}
	}
	var out []string
	for _, n := range order {
		name := n.route
		if names[name] > 1 {
			name += " (" + n.from + ")"
		}
		out = append(out, fmt.Sprintf("%s: %d lose it, %d gain it, %d on other conditions%s", name, n.loses, n.gains, n.conditions, n.strangers))
	}
	return out
}

func (n *counts) add(c Change) {
	switch {
	case c.Entry.Person == "*" && c.Change == "gains":
		n.strangers = "; it becomes public"
	case c.Entry.Person == "*" && c.Change == "loses":
		n.strangers = "; it is no longer public"
	case c.Entry.Person == "*":
		n.strangers = "; it is public on other conditions"
	case c.Change == "loses":
		n.loses++
	case c.Change == "gains":
		n.gains++
	default:
		n.conditions++
	}
}

// CSV writes changes as Review.CSV does entries, the change first.
func (d Diff) CSV(out io.Writer) error {
	w := bufio.NewWriterSize(out, 1<<16)
	w.WriteString(csvHead(append([]string{"change"}, columns...)))
	var err error
	d.Each(func(c Change) bool {
		_, err = w.WriteString(csvCells(c.Change) + "," + csvForm.route(c.Entry) + csvForm.person(c.Entry) + csvForm.how(c.Entry))
		return err == nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// JSON writes {"source", "changes": [{"change", "access"}]}, a change a line.
func (d Diff) JSON(out io.Writer, s Source) error {
	source, err := json.Marshal(s)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	fmt.Fprintf(w, "{\"source\": %s, \"changes\": [", source)
	separator := "\n"
	d.Each(func(c Change) bool {
		var b []byte
		if b, err = json.Marshal(c); err == nil {
			_, err = w.WriteString(separator + string(b))
		}
		separator = ",\n"
		return err == nil
	})
	if err != nil {
		return err
	}
	w.WriteString("\n]}\n")
	return w.Flush()
}
