package review

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"sallyport/policy"
)

var columns = []string{"route", "from", "person", "email", "access", "conditions", "why", "rule", "shadow"}

// CSV writes one line per entry, below a line of names.
func (r *Review) CSV(out io.Writer) error {
	return r.write(out, csvHead(columns), "", csvForm)
}

// JSON writes {"source", "routes", "people", "access": [entries]}, an entry a
// line.
func (r *Review) JSON(out io.Writer, s Source) error {
	source, err := json.Marshal(s)
	if err != nil {
		return err
	}
	head := fmt.Sprintf("{\"source\": %s, \"routes\": %d, \"people\": %d, \"access\": [", source, r.Routes(), r.People())
	return r.write(out, head, "\n]}\n", jsonForm)
}

// form is how an entry is written: what goes between two entries, and an entry in
// three parts, of which the first is the same for a route, the second for a person
// and the last for all who pass it alike. What is the same is made once.
type form struct {
	between            string
	route, person, how func(e Entry) string
}

// write writes all entries in a form. Those of a route differ in few words, and
// there may be millions.
func (r *Review) write(out io.Writer, head, tail string, f form) error {
	w := bufio.NewWriterSize(out, 1<<16)
	separator := ""
	row := func(parts ...string) error {
		w.WriteString(separator)
		separator = f.between
		for _, p := range parts {
			if _, err := w.WriteString(p); err != nil {
				return err
			}
		}
		return nil
	}
	w.WriteString(head)
	people := make([]string, len(r.people)) // as the form has them
	for _, route := range r.routes {
		reach := r.reach(route)
		strangers := route.Policy.Strangers()
		routePart, ways := f.route(Entry{Route: route.Name, From: publicURL(route)}), map[*policy.Access]string{}
		var err error
		if strangers != nil {
			all := everybody(route, strangers)
			err = row(routePart, f.person(all), f.how(all))
		}
		reach.Each(func(i int, how *policy.Access) bool {
			if people[i] == "" || ways[how] == "" {
				e := entry(route, how, r.people[i])
				people[i], ways[how] = f.person(e), f.how(e)
			}
			err = row(routePart, people[i], ways[how])
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	w.WriteString(tail)
	return w.Flush()
}

var csvForm = form{
	route:  func(e Entry) string { return csvCells(e.Route, e.From) + "," },
	person: func(e Entry) string { return csvCells(e.Person, e.Email) + "," },
	how:    func(e Entry) string { return csvCells(e.how()...) + "\n" },
}

var jsonForm = form{
	between: ",",
	route: func(e Entry) string {
		return "\n{" + members(struct {
			Route string `json:"route"`
			From  string `json:"from"`
		}{e.Route, e.From}) + ","
	},
	person: func(e Entry) string {
		return members(struct {
			Person string `json:"person"`
			Email  string `json:"email"`
		}{e.Person, e.Email}) + ","
	},
	how: func(e Entry) string {
		return members(struct {
			Access     string   `json:"access"`
			Conditions []string `json:"conditions"`
			Why        string   `json:"why"`
			Rule       string   `json:"rule"`
			Shadow     string   `json:"shadow,omitempty"`
		}{e.Access, e.Conditions, e.Why, e.Rule, e.Shadow}) + "}"
	},
}

// members are those of a JSON object, without its braces.
func members(texts any) string {
	b, err := json.Marshal(texts)
	if err != nil {
		panic(err) // text is always JSON
	}
	return string(b[1 : len(b)-1])
}

func (e Entry) how() []string {
	return []string{e.Access, strings.Join(e.Conditions, "; "), e.Why, e.Rule, e.Shadow}
}

func csvHead(names []string) string { return strings.Join(names, ",") + "\n" }

// csvCells writes cells as RFC 4180 has them, without an end of line.
func csvCells(cells ...string) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		cell = harmless(cell)
		if strings.ContainsAny(cell, ",\"\r\n") || strings.TrimSpace(cell) != cell {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		b.WriteString(cell)
	}
	return b.String()
}

// harmless keeps a spreadsheet from taking a cell for a formula: also one that
// begins after a space, and a part of it where the spreadsheet takes another
// character than the comma to end cells.
func harmless(cell string) string {
	if cell == "*" {
		return cell
	}
	return formula.ReplaceAllString(cell, "$1'$2")
}

// formula is what makes one, at the beginning or behind what may end a cell. The
// wide characters count in some languages' versions.
var formula = regexp.MustCompile("(^|[;\t\r\n|])([ \t\r\n\u00a0]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r])")
