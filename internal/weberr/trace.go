package weberr

// Trace is how a decision came about, for people who may know: it holds facts
// about the person who asked, and what the rules name. It is what
// `sallyport explain` prints, and says it in the same words.
type Trace struct {
	// Change is the smallest change that would let them in.
	Change []string `json:"change,omitempty"`
	// DirectoryAge is how old what the directory knows of the person is, "" where
	// nothing is.
	DirectoryAge string      `json:"directory_age,omitempty"`
	Rules        []TraceRule `json:"rules"`
}

// TraceRule is one rule with what it came to.
type TraceRule struct {
	Effect   string      `json:"effect"`
	Position string      `json:"position"` // file:line:col
	Holds    bool        `json:"holds"`
	Shadow   bool        `json:"shadow,omitempty"`
	Lists    []TraceList `json:"lists"`
}

// TraceList is the criteria under one operator.
type TraceList struct {
	Operator string           `json:"operator"`
	Position string           `json:"position"`
	Holds    bool             `json:"holds"`
	Criteria []TraceCriterion `json:"criteria"`
}

// TraceCriterion is one criterion: Holds is its own value, before "not" and "nor".
type TraceCriterion struct {
	Name     string   `json:"name"`
	Position string   `json:"position"`
	Holds    bool     `json:"holds"`
	Reason   string   `json:"reason"`
	Wanted   string   `json:"wanted,omitempty"`
	Had      []string `json:"had,omitempty"`
}

// Told is the trace for those who may have it, else nil.
func (e *Error) Told() *Trace {
	if e.Trace == nil {
		return nil
	}
	return e.Trace()
}
