package natsstore

import (
	"encoding/base64"
	"strings"
)

// isToken reports whether s can stand in a subject and name a bucket or a key.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// token returns a key as one token of a subject; different keys give different
// tokens.
func token(key string) string {
	if isToken(key) {
		return key
	}
	return "_." + base64.RawURLEncoding.EncodeToString([]byte(key))
}
