package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

// TestThePageNamesEverything compares docs/command.md with the tables that the
// command works by.
func TestThePageNamesEverything(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/command.md")
	require.NoError(t, err)
	text := string(page)
	code := func(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }
	var rows []string
	for _, v := range verbs() {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", code(v.usage()), capital(v.help), v.permission))
	}
	for _, o := range options {
		rows = append(rows, fmt.Sprintf("| %s | %s |", code(strings.TrimSpace("-"+o.name+" "+o.value)), o.help))
	}
	for _, exit := range exits {
		rows = append(rows, fmt.Sprintf("| %d | %s |", exit.code, exit.meaning))
	}
	for _, row := range rows {
		assert.True(t, strings.Contains(text, row+"\n"), "the page lacks %s", row)
	}
	assert.Equal(t, len(rows)+3, strings.Count(text, "\n| ")-3, "rows that the command knows nothing of")
}

// The permission of a verb is that of its write; all of them need Visualizer.
func TestPermissionsOfVerbs(t *testing.T) {
	t.Parallel()
	needs := map[string]string{}
	for _, o := range darktracetest.Operations() {
		needs[o.Method+" "+o.Path] = fmt.Sprint(o.Permissions[0][0])
	}
	for name, operation := range map[string]string{
		"ack": "POST /aianalyst/acknowledge", "unack": "POST /aianalyst/unacknowledge", "pin": "POST /aianalyst/pin", "unpin": "POST /aianalyst/unpin",
		"comment": "POST /aianalyst/incident/comments", "respond": "POST /antigena",
	} {
		v, err := find(name)
		require.NoError(t, err)
		assert.Equal(t, needs[operation], cmp.Or(v.permission, "Visualizer"), name)
	}
}
