package review

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

var columns = []string{"route", "from", "person", "email", "access", "conditions", "why", "rule"}

// CSV writes one line per entry, below a line of names.
func (r *Review) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	if err := w.Write(columns); err != nil {
		return err
	}
	var err error
	r.Each(func(e Entry) bool {
		err = w.Write(e.row())
		return err == nil
	})
	w.Flush()
	if err != nil {
		return err
	}
	return w.Error()
}

func (e Entry) row() []string {
	row := []string{e.Route, e.From, e.Person, e.Email, e.Access, strings.Join(e.Conditions, "; "), e.Why, e.Rule}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

// harmless keeps a spreadsheet from taking a cell for a formula.
func harmless(cell string) string {
	if cell != "" && cell != "*" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// JSON writes {"routes", "people", "access": [entries]}, entry by entry.
func (r *Review) JSON(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "{\"routes\": %d, \"people\": %d, \"access\": [", r.Routes(), r.People()); err != nil {
		return err
	}
	var err error
	separator := "\n"
	r.Each(func(e Entry) bool {
		var b []byte
		if b, err = json.Marshal(e); err == nil {
			_, err = io.WriteString(out, separator+string(b))
		}
		separator = ",\n"
		return err == nil
	})
	if err == nil {
		_, err = io.WriteString(out, "\n]}\n")
	}
	return err
}

// Change is somebody who loses or gains a route, or passes it on other conditions.
type Change struct {
	Change string `json:"change"` // "loses", "gains" or "conditions"
	Entry  Entry  `json:"access"` // as it was for "loses", else as it is
}

// Diff tells what differs from an older review. Routes are the same where their
// public URL is.
func Diff(before, after *Review) []Change {
	type key struct{ from, person string }
	was := map[key]Entry{}
	before.Each(func(e Entry) bool { was[key{e.From, e.Person}] = e; return true })
	var out []Change
	after.Each(func(e Entry) bool {
		k := key{e.From, e.Person}
		old, had := was[k]
		delete(was, k)
		switch {
		case !had:
			out = append(out, Change{"gains", e})
		case old.Access != e.Access || strings.Join(old.Conditions, ";") != strings.Join(e.Conditions, ";"):
			out = append(out, Change{"conditions", e})
		}
		return true
	})
	before.Each(func(e Entry) bool {
		if _, lost := was[key{e.From, e.Person}]; lost {
			out = append(out, Change{"loses", e})
		}
		return true
	})
	return out
}

// Summary tells changes in a line for each route: how many lose it, how many gain
// it.
func Summary(changes []Change) []string {
	var order []string
	lost, gained, moved := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range changes {
		if lost[c.Entry.Route]+gained[c.Entry.Route]+moved[c.Entry.Route] == 0 {
			order = append(order, c.Entry.Route)
		}
		switch c.Change {
		case "loses":
			lost[c.Entry.Route]++
		case "gains":
			gained[c.Entry.Route]++
		default:
			moved[c.Entry.Route]++
		}
	}
	var out []string
	for _, route := range order {
		out = append(out, fmt.Sprintf("%s: %d lose it, %d gain it, %d on other conditions", route, lost[route], gained[route], moved[route]))
	}
	return out
}

// DiffCSV writes changes as CSV does entries, the change first.
func DiffCSV(out io.Writer, changes []Change) error {
	w := csv.NewWriter(out)
	if err := w.Write(append([]string{"change"}, columns...)); err != nil {
		return err
	}
	for _, c := range changes {
		if err := w.Write(append([]string{c.Change}, c.Entry.row()...)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// DiffJSON writes changes as {"changes": [{"change", "access"}]}.
func DiffJSON(out io.Writer, changes []Change) error {
	if changes == nil {
		changes = []Change{}
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"changes": changes})
}
