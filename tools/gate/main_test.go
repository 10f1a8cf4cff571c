package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPIListsEveryExportedName(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(&out, []string{"api", "./testdata/sample"}))
	assert.Equal(t, `sample: const First Kind = "first"
sample: const Max untyped int = 3
sample: const Second Kind = "second"
sample: func BareFunc(values ...int)
sample: method (*Client) Do(kind Kind) error
sample: method (Client) BareMethod()
sample: method (List[T any]) BareLen() int
sample: type BareAlias = Kind
sample: type Base struct
sample: type Client struct
sample: type Client struct, Bare int
sample: type Client struct, Name string
sample: type Client struct, Promoted bool
sample: type Client struct, embedded Base
sample: type Doer interface
sample: type Doer interface, Close()
sample: type Doer interface, Do(kind Kind) error
sample: type Doer interface, unexported methods
sample: type Kind string
sample: type List[T any] []T
sample: var ErrBare error
`, out.String())
}

func TestDocsListsWhatHasNoComment(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.Error(t, run(&out, []string{"docs", "./testdata/sample"}))
	assert.Equal(t, `sample.go:13: const First has no comment
sample.go:20: var ErrBare has no comment
sample.go:27: Client's Bare has no comment
sample.go:39: function BareMethod has no comment
sample.go:45: Doer's Do has no comment
sample.go:54: function BareLen has no comment
sample.go:56: type BareAlias has no comment
sample.go:58: function BareFunc has no comment
sample.go:1: [Missing] links to nothing
`, out.String())
}

func TestDocsAcceptsDocumentedCode(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(&out, []string{"docs", "."}))
	assert.Empty(t, out.String())
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	profile := write(t, "cover.out", `mode: set
example.com/m/a.go:3.1,5.2 3 1
example.com/m/a.go:7.1,9.2 1 0
example.com/m/a.go:7.1,9.2 1 0
example.com/m/a.go:11.1,11.2 0 0
example.com/m/sub/b.go:3.1,5.2 1 0
`)
	var out strings.Builder
	require.NoError(t, run(&out, []string{"coverage", profile, "example.com/m=75"}))
	assert.Equal(t, "uncovered: example.com/m/a.go:7-9\nexample.com/m: 75.0 % of 4 statements\n", out.String())
	require.ErrorContains(t, run(&out, []string{"coverage", profile, "example.com/m=75.1"}), "packages below their limit: 1")
	require.ErrorContains(t, run(&out, []string{"coverage", profile, "example.com/other=1"}), "packages below their limit: 1")
}

func TestLinks(t *testing.T) {
	t.Parallel()
	file := write(t, "a.md", "# One `two`, three!\n\n## Same\n## Same\n\n[x]: b.md\n"+
		"[ok](#one-two-three) [ok](a.md#same-1) [ok](https://example.com/) ![ok](a.md)\n"+
		"`[code](nowhere)`\n```\n[code](nowhere)\n# Code\n```\n"+
		"[bad](b.md) [bad](#code) [bad](a.md#same-2) [bad](http://example.com) [bad](https:///path)\n")
	var out strings.Builder
	require.ErrorContains(t, run(&out, []string{"links", file}), "broken links: 6")
	for _, want := range []string{
		"(b.md) does not exist", "(#code) has no such heading", "(a.md#same-2) has no such heading",
		"(http://example.com) is not an https address", "(https:///path) is not an https address",
	} {
		assert.Contains(t, out.String(), file+": "+want)
	}
	require.NoError(t, run(&out, []string{"links", write(t, "b.md", "# B\n[b](#b)\n")}))
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil, {"api"}, {"other", "."}, {"api", "./nowhere"}, {"docs", "./nowhere"},
		{"coverage", "nowhere", "a=1"}, {"links", "nowhere"},
	} {
		assert.Error(t, run(t.Output(), args), "%q", args)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
