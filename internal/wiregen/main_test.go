package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is generated is what the structs say.
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	const root = "../.."
	files, err := generate(root)
	require.NoError(t, err)
	for name, content := range files {
		have, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err, "run go generate")
		assert.True(t, string(content) == string(have), "%s is stale: run go generate", name)
	}
}

// generated generates from one file.
func generated(t *testing.T, source string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "objects.go"), []byte("package darktrace\n\n"+source), 0o600))
	files, err := generate(dir)
	return string(files["zz_wire.go"]), err
}

// Each way to forget something is an error that says where.
func TestErrors(t *testing.T) {
	t.Parallel()
	const rest = "\n\tExtra RawJSON `json:\"-\"`\n\tunusual fieldSet\n}\n"
	for _, tt := range []struct{ source, text string }{
		{"type A struct {\n\tB string" + rest, `objects.go:4: A.B has no json tag`},
		{"type A struct {\n\tB string `json:\"b\"`\n\tC string `json:\"b\"`" + rest, `objects.go:5: A.B and A.C have the same name "b"`},
		{"type A struct {\n\tB string `json:\"b\"`\n\tC string `json:\"c\" wire:\"also=b\"`" + rest, `objects.go:5: A.B and A.C have the same name "b"`},
		{"type A struct {\n\tB string `json:\"b,omitempty\"`" + rest, `objects.go:4: A.B has the option "omitempty": there is only omitzero`},
		{"type A struct {\n\tB string `json:\"b,omitzer\"`" + rest, `objects.go:4: A.B has the option "omitzer": there is only omitzero`},
		{"type A struct {\n\tB string `json:\",omitzero\"`" + rest, `objects.go:4: A.B has no name in its json tag`},
		{"type A struct {\n\tB uint8 `json:\"b\"`" + rest, `objects.go:4: A.B is a uint8, which no function reads`},
		{"type A struct {\n\tB int `json:\"b\"`" + rest, `objects.go:4: A.B is a int, which no function reads`},
		{"type A struct {\n\tB any `json:\"b\"`" + rest, `objects.go:4: A.B is a any, which no function reads`},
		{"type A struct {\n\tB C `json:\"b\"`" + rest + "type C struct{ D string `json:\"d\"` }", `objects.go:4: A.B is a C, which no function reads`},
		{"type A struct {\n\tB map[int64]string `json:\"b\"`" + rest, `objects.go:4: A.B is a map[int64]string, which no function reads`},
		{"type A struct {\n\tB []time.Time `json:\"b\"`" + rest, `objects.go:4: A.B is a []time.Time, which no function reads`},
		{"type A struct {\n\tb string `json:\"b\"`" + rest, `objects.go:4: A.b is not exported`},
		{"type A struct {\n\tB, C string `json:\"b\"`" + rest, `objects.go:4: A declares several fields in one line: each needs a tag of its own`},
		{"type A struct {\n\tB" + rest + "type B struct{}", `objects.go:4: A embeds B: give it a name, or repeat its fields`},
		{"type A struct {\n\tB string `json:\"b\" wire:\"plaices\"`" + rest, `objects.go:4: A.B has the wire tag "plaices", and there is no function readPlaices`},
		{"type A struct {\n\tB string `json:\"b\" wire:\"prefx=x\"`" + rest, `objects.go:4: A.B has the wire tag "prefx=x": there are places, also=, prefix=, rest and names of functions`},
		{"type A struct {\n\tB string `json:\"b\" wire:\"places\"`" + rest, `objects.go:4: A.B has the wire tag "places" and is not a list`},
		{"type A struct {\n\tB int64 `json:\"b\" wire:\"also=c\"`" + rest, `objects.go:4: A.B has another name, which only text can have`},
		{"type A struct {\n\tB map[string]string `json:\"b\" wire:\"prefix=c\"`" + rest, `objects.go:4: A.B has a prefix and the name "b": its json tag has to be "-"`},
		{"type A struct {\n\tB map[string]string `json:\"b\" wire:\"rest\"`" + rest, `objects.go:4: A.B has the rest and the name "b": its json tag has to be "-"`},
		{"type A struct {\n\tB string `json:\"-\" wire:\"rest\"`" + rest, `objects.go:4: A.B has a prefix and is not a map of strings`},
		{"type A struct {\n\tB string `json:\"-\" wire:\"prefix=c\"`" + rest, `objects.go:4: A.B has a prefix and is not a map of strings`},
		{"type A struct {\n\tB string `json:\"-\" wire:\"places\"`" + rest, `objects.go:4: A.B has a wire tag and no name`},
		{"type A struct {\n\tB D `json:\"b\" wire:\"d\"`" + rest + "type D func()\nfunc readD() {}", `objects.go:4: A.B is a D, which no function reads`},
		{"type A struct {\n\tB string `json:\"b\"`\n\tunusual fieldSet\n}", `objects.go:3: A has no field Extra: what it does not know would be lost`},
		{"type A struct {\n\tExtra string `json:\"-\"`\n\tunusual fieldSet\n}", `objects.go:3: A.Extra is no RawJSON and no map[string]json.RawMessage, but a string`},
		{"type A struct {\n\tB string `json:\"b\"`\n\tExtra RawJSON `json:\"-\"`\n}", `objects.go:3: A has an Extra and no field "unusual fieldSet": without it zeros don't come back`},
		{"type A struct {\n\tExtra RawJSON `json:\"-\"`\n\tunusual uint64\n}", `objects.go:3: A.unusual is a uint64, not a fieldSet or wideFieldSet`},
		{"type A struct {\n" + fields(65) + rest, `objects.go:3: A has so many fields that unusual has to be a wideFieldSet`},
		{"type A struct {\n" + fields(129) + "\n\tExtra RawJSON `json:\"-\"`\n\tunusual wideFieldSet\n}", `objects.go:3: A has too many fields: 129 bits are needed, and there are 128`},
		{"type A struct {", "objects.go:3:"},
	} {
		_, err := generated(t, tt.source)
		assert.ErrorContains(t, err, tt.text, tt.source)
	}
}

func fields(n int) string {
	var s string
	for i := range n {
		s += "\tF" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + " string `json:\"" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "\"`\n"
	}
	return s
}

// A package that does not compile is no obstacle, nor is what has no wire form.
func TestWhatIsLeftAlone(t *testing.T) {
	t.Parallel()
	code, err := generated(t, "type A struct {\n\tB Own `json:\"b,omitzero\"`\n\tRaw json.RawMessage `json:\"-\"`\n\tExtra RawJSON `json:\"-\"`\n\tunusual fieldSet\n}\n"+
		"type Own struct {\n\tX undefined\n\tExtra RawJSON\n}\nfunc (o *Own) readJSON() { nonsense }\ntype Options struct{ N int `url:\"n\"` }\ntype Body struct{ N int `json:\"n\"` }")
	require.NoError(t, err)
	assert.Contains(t, code, "x.B.readJSON(c)")
	for _, name := range []string{"*Own)", "*Options)", "*Body)", "Raw)"} {
		assert.NotContains(t, code, name)
	}
}
