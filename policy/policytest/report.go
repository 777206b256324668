package policytest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport/policy"
)

// Report is the results of all files, in order.
type Report struct {
	Results []Result
	// Unused are rules that held in no test, nil where nobody asked.
	Unused []Unused
	// Rules is how many rules there were.
	Rules int

	rules []Covered // of all files, each once
}

// Covered is a rule, and whether it held in a test.
type Covered struct {
	Effect   policy.Effect
	Position policy.Position
	Held     bool
}

// Cover adds the rules that the tests of one file could have made hold. A rule that
// held in another file's is covered.
func (r *Report) Cover(rules []Covered) {
	at := make(map[policy.Position]int, len(r.rules))
	for i, rule := range r.rules {
		at[rule.Position] = i
	}
	for _, rule := range rules {
		i, known := at[rule.Position]
		if !known {
			i, at[rule.Position] = len(r.rules), len(r.rules)
			r.rules = append(r.rules, rule)
		}
		r.rules[i].Held = r.rules[i].Held || rule.Held
	}
	r.Rules, r.Unused = len(r.rules), nil
	for _, rule := range r.rules {
		if !rule.Held {
			r.Unused = append(r.Unused, Unused{Effect: rule.Effect.String(), Position: rule.Position, File: rule.Position.File, Line: rule.Position.Line})
		}
	}
}

// Unused is a rule that held in no test.
type Unused struct {
	Effect   string          `json:"effect"`
	Position policy.Position `json:"-"`
	File     string          `json:"file"`
	Line     int             `json:"line"`
}

// Failed is how many tests did not get what they want.
func (r *Report) Failed() int {
	n := 0
	for _, one := range r.Results {
		if !one.Passed() {
			n++
		}
	}
	return n
}

// Text writes the failures for people, then the count.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	for _, one := range r.Results {
		place := fmt.Sprintf("%s:%d: %s", one.Test.Position.File, one.Test.Position.Line, policy.Printable(one.Test.Name))
		if note := one.Note(); note != "" {
			fmt.Fprintf(&b, "note %s\n  %s\n", place, note)
		}
		if one.Passed() {
			continue
		}
		fmt.Fprintf(&b, "FAIL %s\n", place)
		fmt.Fprintf(&b, "  %s\n", policy.Printable(one.complaint()))
		for line := range strings.Lines(one.Explanation) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	for _, u := range r.Unused {
		fmt.Fprintf(&b, "not covered: %s rule at %s:%d held in no test\n", u.Effect, u.Position.File, u.Position.Line)
	}
	if r.Unused != nil || r.Rules > 0 {
		fmt.Fprintf(&b, "coverage: %d of %d rules\n", r.Rules-len(r.Unused), r.Rules)
	}
	failed := r.Failed()
	fmt.Fprintf(&b, "%d passed, %d failed\n", len(r.Results)-failed, failed)
	_, err := io.WriteString(out, b.String())
	return err
}

// complaint is one line that says what went wrong.
func (r Result) complaint() string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Got != r.Test.Want:
		return fmt.Sprintf("want %s, got %s (%s)", r.Test.Want, r.Got, listed(r.Reasons))
	}
	return fmt.Sprintf("%s as wanted, but not because of %s; reasons are %s", r.Got, strings.Join(r.Missing(), ", "), listed(r.Reasons))
}

func listed(reasons []string) string {
	if len(reasons) == 0 {
		return "none"
	}
	return strings.Join(reasons, ", ")
}

// Note is a doubt about a test that passed, "" for none: one that wants a denial
// passes whatever the policy says where its route or its person is misspelt.
func (r Result) Note() string {
	if !r.Passed() || r.Got != WantDeny || len(r.Test.Reasons) > 0 {
		return ""
	}
	for reason, why := range map[string]string{
		policy.ReasonRouteNotFound.String(): "no route matches", policy.ReasonUserUnknown.String(): "the facts do not know the person",
	} {
		if slices.Contains(r.Reasons, reason) {
			return fmt.Sprintf("it passes because %s: write reasons: [%s] if that is meant", why, reason)
		}
	}
	return ""
}

type jsonTest struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Passed  bool     `json:"passed"`
	Want    string   `json:"want"`
	Got     string   `json:"got"`
	Reasons []string `json:"reasons"`
	Message string   `json:"message,omitempty"` // of a test that failed: what went wrong
	Note    string   `json:"note,omitempty"`    // of one that passed: why that may mean nothing
}

// JSON writes the whole for programs.
func (r *Report) JSON(out io.Writer) error {
	report := struct {
		Passed int        `json:"passed"`
		Failed int        `json:"failed"`
		Tests  []jsonTest `json:"tests"`
		Unused []Unused   `json:"uncovered,omitempty"`
	}{Tests: make([]jsonTest, 0, len(r.Results)), Unused: r.Unused, Failed: r.Failed()}
	report.Passed = len(r.Results) - report.Failed
	for _, one := range r.Results {
		reasons := one.Reasons
		if reasons == nil {
			reasons = []string{}
		}
		at, message := one.Test.Position, ""
		if !one.Passed() {
			message = one.complaint()
		}
		report.Tests = append(report.Tests, jsonTest{one.Test.Name, at.File, at.Line, one.Passed(), one.Test.Want, one.Got, reasons, message, one.Note()})
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes what build servers show, one suite a file.
func (r *Report) JUnit(out io.Writer) error {
	all := junitSuites{Tests: len(r.Results), Failures: r.Failed()}
	at := map[string]int{}
	for _, one := range r.Results {
		file := one.Test.Position.File
		i, ok := at[file]
		if !ok {
			i = len(all.Suites)
			at[file] = i
			all.Suites = append(all.Suites, junitSuite{Name: file})
		}
		s := &all.Suites[i]
		c := junitCase{Name: one.Test.Name, Class: file, File: file, Line: one.Test.Position.Line}
		if s.Tests++; !one.Passed() {
			s.Failures++
			c.Failure = &junitFailure{Message: one.complaint(), Text: one.Explanation}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(out)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
