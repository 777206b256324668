package policy

// Nearest returns the name among known that was probably meant by one that is
// not, "" if none is near.
func Nearest(name string, known []string) string { return closest(name, known, nil) }
