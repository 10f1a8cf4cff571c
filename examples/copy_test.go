// Package examples_test checks that each example is one folder that can be copied.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEachExampleCanBeCopied builds each folder in a module of its own that has
// nothing but the SDK.
func TestEachExampleCanBeCopied(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	folders, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.Greater(t, len(folders), 4)
	for _, main := range folders {
		name := filepath.Dir(main)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(name)))
			// An example that is a module has its dependencies in its go.mod; the others
			// need only those of the SDK.
			module, sums := filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")
			data, err := os.ReadFile(module)
			if err == nil {
				data = []byte(strings.ReplaceAll(string(data), "=> ../..", "=> "+root))
			} else {
				data, err = os.ReadFile(filepath.Join(root, "go.mod"))
				require.NoError(t, err)
				_, requirements, _ := strings.Cut(string(data), "\n")
				data = []byte("module example.com/copied\n" + requirements +
					"\nrequire github.com/darktrace-go/darktrace v0.0.0\nreplace github.com/darktrace-go/darktrace => " + root + "\n")
				checksums, err := os.ReadFile(filepath.Join(root, "go.sum"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(sums, checksums, 0o600))
			}
			require.NoError(t, os.WriteFile(module, data, 0o600))
			goes(t, dir, "vet", "-mod=mod", "./...") // Compiles its tests as well.
		})
	}
}

func goes(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...) //nolint:gosec // The arguments are those above.
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
}
