package policy

import (
	"net/netip"
	"strconv"

	"sallyport/identity"
)

// criterion is one condition of a list.
type criterion struct {
	pos  Position
	kind *kind
	// path is what follows the name ("groups" of "claim/groups"); claim is the same
	// for a claim, split.
	path  string
	claim identity.ClaimPath
	// against says that it counts against whoever asks if it holds: straight under
	// deny, or turned round under allow.
	against bool
	// matchers must all hold; none for flags and addresses.
	matchers []matcher
	// networks are those of source_ip, masked.
	networks []netip.Prefix
}

// name returns the criterion's name as written.
func (c *criterion) name() string {
	if c.kind.path {
		return c.kind.name + "/" + c.path
	}
	return c.kind.name
}

// matcher compares a string or a list with operands.
type matcher struct {
	pos      Position
	op       string // "is", "not_in", "has", ...
	operands []operand
}

// operand is a value and where it stands.
type operand struct {
	pos   Position
	value value
}

// value is a JSON scalar; values of different types are never equal. It can be
// a map's key: no operand is NaN.
type value struct {
	typ  valueType
	str  string
	num  float64
	flag bool
}

type valueType uint8

// The types of operands. typeOther is what a claim may hold and no operand is.
const (
	typeString valueType = iota
	typeNumber
	typeBool
	typeOther
)

func stringValue(s string) value { return value{typ: typeString, str: s} }

// valueOf returns the scalar v as encoding/json decodes it.
func valueOf(v any) value {
	switch v := v.(type) {
	case string:
		return value{typ: typeString, str: v}
	case float64:
		return value{typ: typeNumber, num: v}
	case bool:
		return value{typ: typeBool, flag: v}
	}
	return value{typ: typeOther}
}

// text returns the value as JSON would write it, strings without quotes.
func (v value) text() string {
	switch v.typ {
	case typeNumber:
		return strconv.FormatFloat(v.num, 'g', -1, 64)
	case typeBool:
		return strconv.FormatBool(v.flag)
	}
	return v.str
}

// quoted returns the value as JSON would write it; no two values read alike.
func (v value) quoted() string {
	if v.typ == typeString {
		return strconv.Quote(v.str)
	}
	return v.text()
}
