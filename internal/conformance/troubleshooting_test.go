package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever searches docs/troubleshooting.md for an error's text has to find it.
func TestTroubleshootingQuotesErrorsAsTheyAre(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(data)
	}
	page, err := os.ReadFile("docs/troubleshooting.md")
	require.NoError(t, err)
	quotes := 0
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]*) \|`).FindAllStringSubmatch(string(page), -1) {
		for _, quote := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			assert.Contains(t, source.String(), quote[1])
			quotes++
		}
	}
	assert.Greater(t, quotes, 30)
}
