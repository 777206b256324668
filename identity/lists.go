package identity

// A list of fewer elements is searched as fast as it is looked up, and nobody's
// claims hold more long lists than this for good reasons.
const (
	shortList     = 5
	maxNamedLists = 16
)

// namedList is a list among the claims with its texts as a set.
type namedList struct {
	// first is where the list lies: lists are told apart by it, so that no other
	// list is ever taken for this one, wherever in the claims it stood.
	first *any
	n     int
	names Names
}

// Index prepares what decisions ask for: the long lists among the claims, such as
// those of groups, for NamesOf, and the e-mail for Mail. It is to be called before
// s is published, and again if the claims are replaced.
func (s *Subject) Index() {
	s.mail, s.lists = keepMail(s.Email), nil
	s.index(s.Claims, 0)
}

func (s *Subject) index(claims map[string]any, depth int) {
	if depth == maxClaimDepth {
		return
	}
	for _, v := range claims {
		switch v := v.(type) {
		case map[string]any:
			s.index(v, depth+1)
		case []any:
			if len(v) >= shortList && len(s.lists) < maxNamedLists {
				s.lists = append(s.lists, namedList{&v[0], len(v), NewNames(textsIn(v))})
			}
		}
	}
}

func textsIn(list []any) []string {
	texts := make([]string, 0, len(list))
	for _, element := range list {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// NamesOf returns the texts in a list of the claims, the empty one left out, or
// nil if they are not prepared: then the list is to be searched.
func (s *Subject) NamesOf(list []any) *Names {
	if len(list) < shortList {
		return nil
	}
	for i := range s.lists {
		if l := &s.lists[i]; l.first == &list[0] && l.n == len(list) {
			return &l.names
		}
	}
	return nil
}
