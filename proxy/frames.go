package proxy

// closeFrame is an unmasked close frame (RFC 6455 5.5.1).
func closeFrame(why ending) []byte {
	reason := why.reason[:min(len(why.reason), 123)]
	frame := []byte{0x88, byte(2 + len(reason)), byte(why.code >> 8), byte(why.code)}
	return append(frame, reason...)
}

// frameTracker follows frames through a stream of bytes without keeping them.
type frameTracker struct {
	head    [14]byte
	have    int    // bytes of the header seen
	payload uint64 // bytes of the payload still to come
}

// between reports whether the next byte begins a frame.
func (t *frameTracker) between() bool { return t.have == 0 && t.payload == 0 }

func (t *frameTracker) pass(p []byte) {
	for len(p) > 0 {
		if t.payload > 0 {
			n := min(t.payload, uint64(len(p)))
			t.payload -= n
			p = p[n:]
			continue
		}
		t.head[t.have] = p[0]
		t.have++
		p = p[1:]
		if need := t.need(); t.have == need {
			t.payload = t.length()
			t.have = 0
		}
	}
}

// need is how long the header is, as far as that is known.
func (t *frameTracker) need() int {
	if t.have < 2 {
		return 2
	}
	n := 2
	switch t.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if t.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (t *frameTracker) length() uint64 {
	n := uint64(t.head[1] & 0x7f)
	var wide []byte
	switch n {
	case 126:
		wide = t.head[2:4]
	case 127:
		wide = t.head[2:10]
	default:
		return n
	}
	n = 0
	for _, b := range wide {
		n = n<<8 | uint64(b)
	}
	return n
}
