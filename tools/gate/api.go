package main

import (
	"fmt"
	"go/types"
	"io"
	"slices"
	"strings"
)

// api prints every exported name of the packages with its type, sorted, so
// that a change of the API is a change of this text.
func api(w io.Writer, patterns []string) error {
	pkgs, err := load(patterns)
	if err != nil {
		return err
	}
	for _, p := range pkgs {
		d := describer{pkg: p.Types}
		for _, name := range p.Types.Scope().Names() {
			if obj := p.Types.Scope().Lookup(name); obj.Exported() {
				d.object(obj)
			}
		}
		slices.Sort(d.lines)
		for _, line := range d.lines {
			fmt.Fprintf(w, "%s: %s\n", p.Types.Name(), line)
		}
	}
	return nil
}

// describer collects the lines of one package.
type describer struct {
	pkg   *types.Package
	lines []string
}

func (d *describer) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *describer) typ(t types.Type) string {
	return types.TypeString(t, types.RelativeTo(d.pkg))
}

// signature is the type of a function without the word func.
func (d *describer) signature(f types.Object) string {
	return strings.TrimPrefix(d.typ(f.Type()), "func")
}

func (d *describer) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		d.add("const %s %s = %s", obj.Name(), d.typ(obj.Type()), obj.Val().ExactString())
	case *types.Func:
		d.add("func %s%s", obj.Name(), d.signature(obj))
	case *types.TypeName:
		d.typeName(obj)
	default:
		d.add("var %s %s", obj.Name(), d.typ(obj.Type()))
	}
}

func (d *describer) typeName(obj *types.TypeName) {
	name := d.typ(obj.Type())
	if obj.IsAlias() {
		d.add("type %s = %s", obj.Name(), d.typ(types.Unalias(obj.Type())))
		return
	}
	switch u := obj.Type().Underlying().(type) {
	case *types.Interface:
		d.iface(name, u)
		return
	case *types.Struct:
		d.add("type %s struct", name)
		d.fields("type "+name+" struct", u)
	default:
		d.add("type %s %s", name, d.typ(u))
	}
	d.methods(name, obj.Type())
}

func (d *describer) iface(name string, t *types.Interface) {
	d.add("type %s interface", name)
	for m := range t.Methods() {
		if m.Exported() {
			d.add("type %s interface, %s%s", name, m.Name(), d.signature(m))
		} else {
			d.add("type %s interface, unexported methods", name)
		}
	}
}

// fields lists what a caller can select, through embedded unexported structs too.
func (d *describer) fields(prefix string, t *types.Struct) {
	for f := range t.Fields() {
		switch inner, isStruct := f.Type().Underlying().(*types.Struct); {
		case f.Exported() && f.Embedded():
			d.add("%s, embedded %s", prefix, d.typ(f.Type()))
		case f.Exported():
			d.add("%s, %s %s", prefix, f.Name(), d.typ(f.Type()))
		case f.Embedded() && isStruct:
			d.fields(prefix, inner)
		}
	}
}

func (d *describer) methods(name string, t types.Type) {
	values := types.NewMethodSet(t)
	for m := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		if !m.Obj().Exported() {
			continue
		}
		receiver := name
		if values.Lookup(d.pkg, m.Obj().Name()) == nil {
			receiver = "*" + name
		}
		d.add("method (%s) %s%s", receiver, m.Obj().Name(), d.signature(m.Obj()))
	}
}
