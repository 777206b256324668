package docs_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var classRow = regexp.MustCompile("(?m)^\\| (T[0-9]{2}) \\| [^|]+ \\| `(?:Test|Fuzz)\\w+`")

// Every class of attack has a row with a test; that the tests exist is checked
// for all texts.
func TestEveryClassOfAttackHasATest(t *testing.T) {
	model := read(t, filepath.Join(root, "docs/explanation/security-model.md"))
	rows := map[string]bool{}
	for _, m := range classRow.FindAllStringSubmatch(model.prose, -1) {
		rows[m[1]] = true
	}
	const classes = `T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 T11 T12 T13 T14 T15 T16 T20 T21 T22 T23 T24 T25 T26 T27 T28
		T30 T31 T32 T33 T34 T35 T36 T37 T38 T39 T40 T41 T42 T43 T44 T45 T46 T47 T48 T50 T51 T52 T53 T54 T60 T61 T63`
	for _, class := range strings.Fields(classes) {
		if !rows[class] {
			t.Errorf("class %s has no row with a test", class)
		}
	}
}
