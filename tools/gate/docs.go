package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/token"
	"io"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

// docs lists every exported name without a comment: packages, functions, methods,
// types, constants, variables, struct fields and the methods of interfaces. A
// comment above a group does not count for its parts.
func docs(w io.Writer, patterns []string) error {
	pkgs, err := load(patterns)
	if err != nil {
		return err
	}
	var findings []string
	for _, p := range pkgs {
		c := docChecker{fset: p.Fset}
		c.pkg(p)
		findings = append(findings, c.findings...)
	}
	return report(w, "undocumented names and broken doc links", findings)
}

// docChecker collects the findings of one package.
type docChecker struct {
	fset     *token.FileSet
	findings []string
}

func (c *docChecker) add(pos token.Pos, format string, args ...any) {
	p := c.fset.Position(pos)
	c.findings = append(c.findings, fmt.Sprintf("%s:%d: %s", filepath.Base(p.Filename), p.Line, fmt.Sprintf(format, args...)))
}

// need reports an exported name if all its comments are empty.
func (c *docChecker) need(kind string, name *ast.Ident, comments ...*ast.CommentGroup) {
	if name.IsExported() && !slices.ContainsFunc(comments, func(g *ast.CommentGroup) bool { return g.Text() != "" }) {
		c.add(name.Pos(), "%s %s has no comment", kind, name.Name)
	}
}

func (c *docChecker) pkg(p *packages.Package) {
	if !slices.ContainsFunc(p.Syntax, func(f *ast.File) bool { return f.Doc.Text() != "" }) {
		c.add(p.Syntax[0].Package, "package %s has no comment", p.Name)
	}
	for _, f := range p.Syntax {
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if receiverExported(decl) {
					c.need("function", decl.Name, decl.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					c.spec(decl, spec)
				}
			}
		}
	}
	c.links(p)
}

// receiverExported also returns true for functions without a receiver.
func receiverExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		default:
			return ast.IsExported(typ.(*ast.Ident).Name)
		}
	}
}

func (c *docChecker) spec(decl *ast.GenDecl, spec ast.Spec) {
	var own *ast.CommentGroup // the comment above a declaration of one name
	if !decl.Lparen.IsValid() {
		own = decl.Doc
	}
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		c.need("type", spec.Name, own, spec.Doc, spec.Comment)
		if spec.Name.IsExported() {
			c.members(spec.Name.Name, spec.Type)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			c.need(decl.Tok.String(), name, own, spec.Doc, spec.Comment)
		}
	}
}

// members checks the fields of structs and the methods of interfaces. Embedded
// types have their comments at their declaration.
func (c *docChecker) members(owner string, typ ast.Expr) {
	ast.Inspect(typ, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			c.fields(owner, n.Fields)
		case *ast.InterfaceType:
			c.fields(owner, n.Methods)
		case *ast.FuncType:
			return false
		}
		return true
	})
}

func (c *docChecker) fields(owner string, list *ast.FieldList) {
	for _, f := range list.List {
		for _, name := range f.Names {
			c.need(owner+"'s", name, f.Doc, f.Comment)
		}
	}
}

// links reports names in brackets, in any comment, that do not exist.
func (c *docChecker) links(p *packages.Package) {
	d, err := doc.NewFromFiles(p.Fset, p.Syntax, p.PkgPath, doc.PreserveAST)
	if err != nil {
		c.add(p.Syntax[0].Package, "%v", err)
		return
	}
	for _, f := range p.Syntax {
		for _, g := range f.Comments {
			parser := d.Parser()
			lookup := parser.LookupSym
			parser.LookupSym = func(recv, name string) bool {
				ok := lookup(recv, name)
				if !ok {
					c.add(g.Pos(), "[%s] links to nothing", joinName(recv, name))
				}
				return ok
			}
			parser.Parse(g.Text())
		}
	}
}

func joinName(recv, name string) string {
	if recv == "" {
		return name
	}
	return recv + "." + name
}
