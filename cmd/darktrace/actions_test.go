package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestEndsOfAConnection(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]darktrace.AntigenaTarget{
		"192.0.2.1":           {Destination: "192.0.2.1"},
		"192.0.2.1:443":       {Destination: "192.0.2.1", Port: 443},
		"2001:db8::1":         {Destination: "2001:db8::1"},
		"[2001:db8::1]":       {Destination: "2001:db8::1"},
		"[2001:db8::1]:443":   {Destination: "2001:db8::1", Port: 443},
		"www.example.com":     {Destination: "www.example.com"},
		"www.example.com:443": {Destination: "www.example.com", Port: 443},
	} {
		for _, from := range []string{"2001:db8::2", "[2001:db8::2]"} {
			got, err := parseTarget(from, to)
			require.NoError(t, err, to)
			want.Source = "2001:db8::2"
			assert.Equal(t, want, got, to)
		}
	}
}
