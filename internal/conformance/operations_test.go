package conformance_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

var (
	apiLine      = regexp.MustCompile(`Threat Visualizer API: (.*?)\.(\s|$)`)
	apiOperation = regexp.MustCompile(`((?:GET|POST|DELETE)(?: and (?:GET|POST|DELETE))*) (/[^\s,]+)`)
	docsRow      = regexp.MustCompile("(?m)^\\| `?((?:GET|POST|DELETE) /[^` ]*)`? \\|")
)

// documented returns the operations in the doc comments of methods, with the
// methods.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			doc := strings.Join(strings.Fields(f.Doc.Text()), " ")
			for _, line := range apiLine.FindAllStringSubmatch(doc, -1) {
				for _, operation := range apiOperation.FindAllStringSubmatch(line[1], -1) {
					for method := range strings.SplitSeq(operation[1], " and ") {
						key := method + " " + operation[2]
						found[key] = append(found[key], f.Name.Name)
					}
				}
			}
		}
	}
	return found
}

// TestOperationsAreTheSameEverywhere compares what methods say that they ask for,
// what the fake appliance has, and what docs/appliance-versions.md lists.
func TestOperationsAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	const all = 78 // The operations in Darktrace's guide 6.1, without the deprecated one.
	sorted := func(keys []string) []string {
		slices.Sort(keys)
		return keys
	}
	methods := sorted(slices.Collect(maps.Keys(documented(t))))

	var fake []string
	for _, o := range darktracetest.Operations() {
		fake = append(fake, o.Method+" "+strings.Replace(o.Path, "...}", "}", 1))
	}
	assert.Equal(t, methods, sorted(fake), "operations of the fake appliance")

	page, err := os.ReadFile("docs/appliance-versions.md")
	require.NoError(t, err)
	var rows []string
	for _, row := range docsRow.FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, row[1])
	}
	assert.Equal(t, methods, sorted(rows), "rows of docs/appliance-versions.md")
	assert.Len(t, methods, all)
}
