package wire

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Elements reads a list and yields its elements one by one, each before a byte
// after it is needed. An element is valid JSON and overwritten after the call. The
// elements of a list inside the list count as its own, and null as no element.
// What is not a list but an object is yielded alone. Elements returns nil when the
// list has ended and nothing but white space follows, or when yield returns false.
func Elements(r io.Reader, yield func(element []byte, alone bool) bool) error {
	dec := jsontext.NewDecoder(r, Options...)
	switch dec.PeekKind() {
	case '{':
		object, err := dec.ReadValue()
		if err != nil {
			return whole(err)
		}
		if !yield(object, true) {
			return nil
		}
		return ended(dec)
	case '[':
	default:
		token, err := dec.ReadToken()
		if err != nil {
			return whole(err)
		}
		return fmt.Errorf("expected a list, not %v", token.Kind())
	}
	for {
		if kind := dec.PeekKind(); kind == ']' || kind == '[' && dec.StackDepth() < 2 {
			if _, err := dec.ReadToken(); err != nil {
				return whole(err)
			}
			if dec.StackDepth() == 0 {
				return ended(dec)
			}
			continue
		}
		element, err := dec.ReadValue()
		if err != nil {
			return whole(err)
		}
		if element.Kind() != 'n' && !yield(element, false) {
			return nil
		}
	}
}
