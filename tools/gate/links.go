package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	codeBlock  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(<?([^)\s>]*)>?(?:\s+"[^"]*")?\)`)
	reference  = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)`)
	heading    = regexp.MustCompile(`(?m)^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	htmlAnchor = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// links checks that the links of Markdown files lead to existing files, folders and
// headings. It checks only the syntax of links that leave the tree.
func links(w io.Writer, files []string) error {
	var findings []string
	for _, file := range files {
		text, err := readMarkdown(file)
		if err != nil {
			return err
		}
		for _, target := range targets(text) {
			if err := checkLink(file, target); err != nil {
				findings = append(findings, fmt.Sprintf("%s: (%s) %v", file, target, err))
			}
		}
	}
	return report(w, "broken links", findings)
}

// readMarkdown blanks code blocks, in which brackets and # have other meanings.
func readMarkdown(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // The file is named by the tree that is checked.
	return codeBlock.ReplaceAllString(string(text), ""), err
}

func targets(text string) []string {
	text = codeSpan.ReplaceAllString(text, "")
	var found []string
	for _, link := range []*regexp.Regexp{inlineLink, reference} {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
	}
	return found
}

func checkLink(file, target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err
	case u.Scheme == "mailto":
		return nil
	case u.Scheme != "" && (u.Scheme != "https" || u.Host == ""):
		return fmt.Errorf("is not an https address")
	case u.Scheme != "":
		return nil
	case u.Path != "":
		file = filepath.Join(filepath.Dir(file), u.Path)
	}
	if _, err := os.Stat(file); err != nil { //nolint:gosec // The file is named by the tree that is checked.
		return fmt.Errorf("does not exist")
	}
	if u.Fragment == "" {
		return nil
	}
	text, err := readMarkdown(file)
	if err != nil {
		return err
	}
	if !anchors(text)[u.Fragment] {
		return fmt.Errorf("has no such heading")
	}
	return nil
}

// anchors returns the anchors that GitHub gives to the headings of a text.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range htmlAnchor.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := slugify(m[1])
		if n := seen[slug]; n > 0 {
			found[fmt.Sprintf("%s-%d", slug, n)] = true
		}
		seen[slug]++
		found[slug] = true
	}
	return found
}

func slugify(heading string) string {
	heading = inlineLink.ReplaceAllString(heading, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}
