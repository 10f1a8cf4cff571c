package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// completions are what a shell offers after a command line; {folder} has a file "a b.json"
// and a folder "a".
var completions = map[string][]string{
	"ev":                               {"events"},
	"he":                               {"help"},
	"-o json ev":                       {"events"},
	"-o ec":                            {"ecs"},
	"help comp":                        {"completion"},
	"watch al":                         {"alerts"},
	"respond cl":                       {"clear"},
	"watch alerts -up":                 {"-updates"},
	"search x -si":                     {"-since"},
	"ack id -fa":                       {"-fake"},
	"events -o e":                      {"ecs"},
	"incidents -o ":                    {"table", "json"},
	"report -o ":                       {},
	"events -since ":                   {},
	"watch -c":                         {"-category", "-checkpoint"},
	"-fake show -":                     {"-o", "-fake", "-v", "-q"},
	"-fake report -fi":                 {"-file"},
	"watch -checkpoint {folder}/a\\ b": {"{folder}/a b.json"},
}

// completed returns what a shell prints for a command line.
func completed(t *testing.T, shell, script string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), shell, "-c", script).Output() //nolint:gosec // A shell for what the command prints itself.
	require.NoError(t, err, string(out))
	found := []string{}
	for text := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(text), "\t")
		found = append(found, word)
	}
	return found
}

func TestShellsComplete(t *testing.T) {
	t.Parallel()
	folder := filepath.ToSlash(t.TempDir())
	require.NoError(t, os.WriteFile(folder+"/a b.json", nil, 0o600))
	in := strings.NewReplacer("{folder}", folder)
	for name, command := range map[string]func(line string) string{
		"bash": func(line string) string {
			words := strings.Split(strings.ReplaceAll("darktrace "+line, `\ `, "\x00"), " ")
			for i := range words {
				words[i] = quote(strings.ReplaceAll(words[i], "\x00", " "))
			}
			return fmt.Sprintf("COMP_WORDS=(%s) COMP_CWORD=%d; _darktrace; ((${#COMPREPLY[@]})) && printf '%%s\\n' \"${COMPREPLY[@]}\"; true", strings.Join(words, " "), len(words)-1)
		},
		"fish": func(line string) string { return "complete -C " + quote("darktrace "+line) },
	} {
		shell, err := exec.LookPath(name)
		if err != nil {
			t.Log("there is no", name)
			continue
		}
		u := &user{t: t}
		require.Zero(t, u.types("completion", name))
		for line, want := range completions {
			want = slices.Clone(want)
			for i := range want {
				want[i] = in.Replace(want[i])
			}
			assert.ElementsMatch(t, want, completed(t, shell, u.stdout+"\n"+command(in.Replace(line))), "%s: %s", name, line)
		}
	}
}
