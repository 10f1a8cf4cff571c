package main

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{os.DevNull, "terminal_test.go"} {
		f, err := os.Open(name)
		require.NoError(t, err)
		columns, is := terminal(f)
		require.NoError(t, f.Close())
		assert.Zero(t, columns, name)
		if name != os.DevNull || runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "freebsd" {
			assert.False(t, is, name)
		}
	}
}
