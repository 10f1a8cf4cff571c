package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// pkg holds the declarations of a package.
type pkg struct {
	fset    *token.FileSet
	types   map[string]ast.Expr
	methods map[string]bool // "Type.method"
	funcs   map[string]bool
	objects []*object
	errs    []error
}

// object is a struct that is an object on the wire.
type object struct {
	name    string
	pos     token.Pos
	fields  []*field
	whole   bool // Extra is a map
	wide    bool // unusual holds more than 64 bits
	skipped bool // it has a field Skipped
	value   bool // a field of another object holds it by value
}

// field is a field of an object that stands for a member.
type field struct {
	name, wire string
	typ        ast.Expr
	pos        token.Pos
	omitzero   bool
	pair       string // the function that reads it: "Summary" for readSummary
	also       string
	prefix     string
	rest       bool
	places     bool
	codec      *codec
	zero, kept int // places in the set of bits; -1 = none
}

func (p *pkg) errorf(pos token.Pos, format string, args ...any) {
	at := p.fset.Position(pos)
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", filepath.Base(at.Filename), at.Line, fmt.Sprintf(format, args...)))
}

// load reads the Go files of a folder, without tests and generated files.
func load(dir string) (*pkg, error) {
	p := &pkg{fset: token.NewFileSet(), types: map[string]ast.Expr{}, methods: map[string]bool{}, funcs: map[string]bool{}}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var structs []*ast.TypeSpec
	for _, name := range names {
		if base := filepath.Base(name); strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, "zz_") {
			continue
		}
		source, err := os.ReadFile(name) //nolint:gosec // the package's own files
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(p.fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		structs = append(structs, p.declarations(file)...)
	}
	for _, spec := range structs {
		p.object(spec.Name.Name, spec.Type.(*ast.StructType))
	}
	for _, o := range p.objects {
		p.resolve(o)
	}
	return p, errors.Join(p.errs...)
}

// declarations records the declarations of a file, and returns its structs.
func (p *pkg) declarations(file *ast.File) (structs []*ast.TypeSpec) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				p.funcs[decl.Name.Name] = true
				continue
			}
			receiver := decl.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if ident, ok := receiver.(*ast.Ident); ok {
				p.methods[ident.Name+"."+decl.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.TypeParams == nil {
					p.types[spec.Name.Name] = spec.Type
					if _, ok := spec.Type.(*ast.StructType); ok {
						structs = append(structs, spec)
					}
				}
			}
		}
	}
	return structs
}

// object records a struct that is an object on the wire.
func (p *pkg) object(name string, s *ast.StructType) {
	if p.methods[name+".readJSON"] {
		return
	}
	o := &object{name: name, pos: s.Pos()}
	var unusual, extra string
	tagged := false
	for _, f := range s.Fields.List {
		typ := text(f.Type)
		for _, ident := range f.Names {
			switch ident.Name {
			case "unusual":
				unusual = typ
			case "Extra":
				extra = typ
			case "Skipped":
				o.skipped = true
			}
		}
		tagged = tagged || f.Tag != nil && reflect.StructTag(unquote(f.Tag)).Get("json") != ""
	}
	if unusual == "" {
		if extra != "" && tagged {
			p.errorf(s.Pos(), "%s has an Extra and no field \"unusual fieldSet\": without it zeros don't come back", name)
		}
		return
	}
	switch o.wide = unusual == "wideFieldSet"; {
	case unusual != "fieldSet" && !o.wide:
		p.errorf(s.Pos(), "%s.unusual is a %s, not a fieldSet or wideFieldSet", name, unusual)
	case extra == "map[string]json.RawMessage":
		o.whole = true
	case extra == "":
		p.errorf(s.Pos(), "%s has no field Extra: what it does not know would be lost", name)
	case extra != "RawJSON":
		p.errorf(s.Pos(), "%s.Extra is no RawJSON and no map[string]json.RawMessage, but a %s", name, extra)
	}
	for _, f := range s.Fields.List {
		p.field(o, f)
	}
	p.objects = append(p.objects, o)
}

// field records a field of an object.
func (p *pkg) field(o *object, f *ast.Field) {
	if len(f.Names) != 1 {
		if len(f.Names) == 0 {
			p.errorf(f.Pos(), "%s embeds %s: give it a name, or repeat its fields", o.name, text(f.Type))
		} else {
			p.errorf(f.Pos(), "%s declares several fields in one line: each needs a tag of its own", o.name)
		}
		return
	}
	n := &field{name: f.Names[0].Name, typ: f.Type, pos: f.Pos(), zero: -1, kept: -1}
	if n.name == "unusual" {
		return
	}
	var tag reflect.StructTag
	if f.Tag != nil {
		tag = reflect.StructTag(unquote(f.Tag))
	}
	wire, special := tag.Lookup("wire")
	json, ok := tag.Lookup("json")
	switch {
	case !ok:
		p.errorf(n.pos, "%s.%s has no json tag", o.name, n.name)
		return
	case !ast.IsExported(n.name):
		p.errorf(n.pos, "%s.%s is not exported", o.name, n.name)
		return
	case json == "-" && !special:
		return
	}
	name, options, _ := strings.Cut(json, ",")
	switch n.wire, n.omitzero = name, options == "omitzero"; {
	case options != "" && !n.omitzero:
		p.errorf(n.pos, "%s.%s has the option %q: there is only omitzero", o.name, n.name, options)
	case name == "":
		p.errorf(n.pos, "%s.%s has no name in its json tag", o.name, n.name)
	}
	if special {
		n.special(p, o, wire)
	}
	for _, other := range o.fields {
		for _, name := range []string{n.wire, n.also} {
			if name != "" && name != "-" && (name == other.wire || name == other.also) {
				p.errorf(n.pos, "%s.%s and %s.%s have the same name %q", o.name, other.name, o.name, n.name, name)
			}
		}
	}
	o.fields = append(o.fields, n)
}

// special records the content of a wire tag.
func (f *field) special(p *pkg, o *object, tag string) {
	option, value, hasValue := strings.Cut(tag, "=")
	switch {
	case option == "places" && !hasValue:
		f.places = true
	case option == "also" && value != "":
		f.also = value
	case option == "prefix" && value != "":
		f.prefix = value
		if f.wire != "-" {
			p.errorf(f.pos, "%s.%s has a prefix and the name %q: its json tag has to be \"-\"", o.name, f.name, f.wire)
		}
	case option == "rest" && !hasValue:
		f.rest = true
		if f.wire != "-" {
			p.errorf(f.pos, "%s.%s has the rest and the name %q: its json tag has to be \"-\"", o.name, f.name, f.wire)
		}
	case hasValue || tag == "" || !token.IsIdentifier(tag):
		p.errorf(f.pos, "%s.%s has the wire tag %q: there are places, also=, prefix=, rest and names of functions", o.name, f.name, tag)
	default:
		f.pair = strings.ToUpper(tag[:1]) + tag[1:]
		if !p.funcs["read"+f.pair] {
			p.errorf(f.pos, "%s.%s has the wire tag %q, and there is no function read%s", o.name, f.name, tag, f.pair)
		}
	}
	if f.wire == "-" && !f.many() {
		p.errorf(f.pos, "%s.%s has a wire tag and no name", o.name, f.name)
	}
}

// many reports whether the field holds members whose names are data.
func (f *field) many() bool { return f.prefix != "" || f.rest }

// resolve finds out how the fields of an object are read and written, and assigns
// their bits.
func (p *pkg) resolve(o *object) {
	bits := 0
	for _, f := range o.fields {
		f.codec = p.codec(f)
		if f.codec == nil {
			p.errorf(f.pos, "%s.%s is a %s, which no function reads", o.name, f.name, text(f.typ))
			continue
		}
		if f.codec.object != nil {
			f.codec.object.value = true
		}
		if f.also != "" && f.codec.put != "Text" {
			p.errorf(f.pos, "%s.%s has another name, which only text can have", o.name, f.name)
		}
		if f.places && f.codec.put != "List" {
			p.errorf(f.pos, "%s.%s has the wire tag \"places\" and is not a list", o.name, f.name)
		}
		if f.many() && f.codec.put != "Map" {
			p.errorf(f.pos, "%s.%s has a prefix and is not a map of strings", o.name, f.name)
		}
		if f.many() {
			continue
		}
		need := 0
		if f.codec.zero {
			need++
		}
		if f.codec.kept || f.also != "" {
			need++
		}
		if bits < 64 && bits+need > 64 { // Both bits of a field are in the same half.
			bits = 64
		}
		if f.codec.zero {
			f.zero = bits
			bits++
		}
		if f.codec.kept || f.also != "" {
			f.kept = bits
			bits++
		}
	}
	switch {
	case bits > 128:
		p.errorf(o.pos, "%s has too many fields: %d bits are needed, and there are 128", o.name, bits)
	case bits > 64 && !o.wide:
		p.errorf(o.pos, "%s has so many fields that unusual has to be a wideFieldSet", o.name)
	}
}

func text(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.StarExpr:
		return "*" + text(expr.X)
	case *ast.ArrayType:
		if expr.Len == nil {
			return "[]" + text(expr.Elt)
		}
		return "array"
	case *ast.MapType:
		return "map[" + text(expr.Key) + "]" + text(expr.Value)
	case *ast.SelectorExpr:
		return text(expr.X) + "." + expr.Sel.Name
	case *ast.InterfaceType:
		return "interface"
	case *ast.StructType:
		return "struct"
	case *ast.FuncType:
		return "func"
	default:
		return fmt.Sprintf("%T", expr)
	}
}

func unquote(tag *ast.BasicLit) string {
	s, _ := strconv.Unquote(tag.Value) // The parser has checked it.
	return s
}

func (p *pkg) find(name string) *object {
	if i := slices.IndexFunc(p.objects, func(o *object) bool { return o.name == name }); i >= 0 {
		return p.objects[i]
	}
	return nil
}
