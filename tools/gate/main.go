// Command gate has the checks of .ci/run for which there is no ready-made tool.
// Each one prints what is wrong and ends with exit code 1.
//
//	gate api PACKAGE...                  print the exported API as text, one line for each name
//	gate docs PACKAGE...                 list the exported names without a comment, and doc links to names that do not exist
//	gate coverage PROFILE PATH=MIN...    list the uncovered lines of a package, and fail below MIN percent
//	gate links FILE...                   check the links and anchors of Markdown files, without a network
//	gate proxy DIR VERSION FOLDER...     lay modules into a folder as a module proxy serves them
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	if len(args) < 2 {
		return errors.New("a check and its arguments are needed: api, docs, coverage, links or proxy")
	}
	switch command, args := args[0], args[1:]; command {
	case "api":
		return api(w, args)
	case "docs":
		return docs(w, args)
	case "coverage":
		return coverage(w, args[0], args[1:])
	case "links":
		return links(w, args)
	case "proxy":
		return proxy(args[0], args[1], args[2:])
	default:
		return fmt.Errorf("no check is called %q", command)
	}
}

// report prints the findings, and returns an error if there are any.
func report(w io.Writer, what string, findings []string) error {
	if len(findings) == 0 {
		return nil
	}
	fmt.Fprintln(w, strings.Join(findings, "\n"))
	return fmt.Errorf("%s: %d", what, len(findings))
}

// load type-checks the packages, without their tests.
func load(patterns []string) ([]*packages.Package, error) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax}, patterns...)
	if err != nil {
		return nil, err
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			return nil, e
		}
	}
	return pkgs, nil
}
