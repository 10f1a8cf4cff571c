package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("there is no bash")
		return
	}
	u := &user{t: t}
	require.Zero(t, u.types("completion", "bash"))
	for typed, want := range map[string]string{
		"ev":               "events",
		"-o json ev":       "events",
		"help comp":        "completion",
		"completion ":      "bash zsh fish -o -fake -v -q",
		"watch a":          "alerts",
		"respond cl":       "clear",
		"watch alerts -up": "-updates",
		"events -o e":      "ecs",
		"events -since ":   "",
		"watch -c":         "-category -checkpoint",
		"-fake show -":     "-o -fake -v -q",
		"-fake report -fi": "-file",
	} {
		words := strings.Split("darktrace "+typed, " ")
		script := u.stdout + fmt.Sprintf("\nCOMP_WORDS=(%s) COMP_CWORD=%d; _darktrace; echo \"${COMPREPLY[*]}\"", "'"+strings.Join(words, "' '")+"'", len(words)-1)
		out, err := exec.CommandContext(t.Context(), bash, "-c", script).CombinedOutput() //nolint:gosec // A bash for what it prints itself.
		require.NoError(t, err, string(out))
		assert.ElementsMatch(t, strings.Fields(want), strings.Fields(string(out)), typed)
	}
}
