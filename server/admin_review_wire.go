package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport/authorize/review"
	"sallyport/identity"
)

// People travel as lines of JSON: one about all of them, one for each person, and
// a last one with their number, without which some are missing. A group is told
// with the first person in it and numbered from then on.
type (
	peopleHead struct {
		AsOf   time.Time         `json:"as_of"`
		Whole  bool              `json:"whole"`
		Unread int               `json:"unread"`
		Config string            `json:"config"`
		Pins   map[string]string `json:"pins,omitempty"`
	}
	personLine struct {
		ID      string              `json:"id,omitempty"`
		Login   string              `json:"login,omitempty"`
		Email   string              `json:"email,omitempty"`
		Status  identity.Status     `json:"status,omitempty"`
		Profile map[string][]string `json:"profile,omitempty"`
		Apps    []string            `json:"apps,omitempty"`
		New     []identity.Group    `json:"new,omitempty"` // groups, in the order of their numbers
		Groups  []int               `json:"groups,omitempty"`
		End     *int                `json:"end,omitempty"`
	}
)

func writePeople(out io.Writer, people People) error {
	w := bufio.NewWriterSize(out, 1<<16)
	enc := json.NewEncoder(w)
	if err := enc.Encode(peopleHead{people.Source.AsOf, people.Whole, people.Unread, people.Config, people.Pins}); err != nil {
		return err
	}
	numbers := map[identity.Group]int{}
	n := 0
	var err error
	told := people.Each(func(p *identity.Person) {
		line := personLine{ID: p.ID, Login: p.Login, Email: p.Email, Status: p.Status, Profile: p.Profile, Apps: p.Apps}
		for _, g := range p.Groups {
			number, known := numbers[g]
			if !known {
				number = len(numbers)
				numbers[g] = number
				line.New = append(line.New, g)
			}
			line.Groups = append(line.Groups, number)
		}
		if err == nil {
			n++
			err = enc.Encode(line)
		}
	})
	if err = errors.Join(told, err); err != nil {
		return err
	}
	if err := enc.Encode(personLine{End: &n}); err != nil {
		return err
	}
	return w.Flush()
}

// ReadPeople reads what a running instance tells of its people: the head at once,
// the people as they are asked for.
func ReadPeople(in io.Reader) (People, error) {
	dec := json.NewDecoder(bufio.NewReaderSize(in, 1<<16))
	var head peopleHead
	if err := dec.Decode(&head); err != nil {
		return People{}, fmt.Errorf("people of the running instance: %w", err)
	}
	return People{
		Source: review.Source{Name: SourceRunning, AsOf: head.AsOf}, Whole: head.Whole, Unread: head.Unread, Config: head.Config, Pins: head.Pins,
		Each: func(yield func(*identity.Person)) error { return readPeople(dec, head.Pins, yield) },
	}, nil
}

func readPeople(dec *json.Decoder, pins map[string]string, yield func(*identity.Person)) error {
	var groups []identity.Group
	for n := 0; ; n++ {
		var line personLine
		if err := dec.Decode(&line); err != nil {
			return fmt.Errorf("people of the running instance, after %d: %w", n, err)
		}
		if line.End != nil {
			if *line.End != n {
				return fmt.Errorf("people of the running instance: got %d, expected %d", n, *line.End)
			}
			return nil
		}
		groups = append(groups, line.New...)
		p := identity.Person{ID: line.ID, Login: line.Login, Email: line.Email, Status: line.Status, Profile: line.Profile, Apps: line.Apps}
		for _, g := range line.Groups {
			if g < 0 || g >= len(groups) {
				return fmt.Errorf("people of the running instance: person %q is in a group that was not told", line.ID)
			}
			p.Groups = append(p.Groups, groups[g])
		}
		yield(identity.NewPersonPinned(p, pins))
	}
}
