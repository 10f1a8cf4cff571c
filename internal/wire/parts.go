package wire

import (
	"bytes"
	"encoding/json"
)

// Parts yields what an object or a list holds, one by one: members with their names,
// elements without. The data may be cut or broken: Parts reads as far as it is valid,
// and ignores what follows the end. It reports whether it came to the end.
func Parts(data []byte, yield func(name string, value []byte) bool) (ended bool) {
	data = trim(data)
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return false
	}
	begin, end := data[0], data[0]+2
	if data = trim(data[1:]); len(data) > 0 && data[0] == end {
		return true
	}
	for {
		var name string
		if begin == '{' {
			quoted, rest := cut(data)
			if name, ended = Unquote(quoted); !ended || quoted[0] != '"' || len(rest) == 0 || rest[0] != ':' {
				return false
			}
			data = trim(rest[1:])
		}
		value, rest := cut(data)
		switch {
		case !json.Valid(value) || !yield(name, value) || len(rest) == 0:
			return false
		case rest[0] == end:
			return true
		case rest[0] != ',':
			return false
		}
		data = trim(rest[1:])
	}
}

// cut returns the value that data begins with, which may be invalid, and what follows.
func cut(data []byte) (value, rest []byte) {
	depth, quoted, end := 0, false, 0
	for ; end < len(data); end++ {
		switch b := data[end]; {
		case quoted && b == '\\':
			end++
			continue
		case b == '"':
			quoted = !quoted
		case quoted:
			continue
		case b == '{', b == '[':
			depth++
		case depth > 0 && (b == '}' || b == ']'):
			depth--
		case depth == 0 && endsScalar(b):
			return data[:end], trim(data[end:])
		default:
			continue
		}
		if depth == 0 && !quoted {
			end++
			break
		}
	}
	end = min(end, len(data))
	return data[:end], trim(data[end:])
}

func trim(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n") }

// Unquote returns the text of a JSON string, "" for null; ok is false for anything else.
func Unquote(data []byte) (text string, ok bool) {
	if !json.Valid(data) {
		return "", false
	}
	c := Cursor{Data: data}
	if c.Null() {
		return "", true
	}
	return c.Text()
}
