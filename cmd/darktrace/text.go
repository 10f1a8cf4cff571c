package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// line returns a text on one line, as readable does.
func line(text string) string { return readable(text, "") }

// readable returns a text without characters that control a terminal, overwrite other
// lines or reverse a text: titles and names come from the network that is being
// attacked. All white space becomes blanks, but for the characters to keep.
func readable(text, keep string) string {
	const marksKept = 4 // on one letter
	marks := 0
	return strings.Map(func(r rune) rune {
		if !unicode.Is(unicode.Mn, r) {
			marks = 0
		} else if marks++; marks > marksKept {
			return -1
		}
		switch {
		case strings.ContainsRune(keep, r):
			return r
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}

// oneLine is the text of an error.
func oneLine(err error) string {
	texts := strings.Split(strings.TrimSpace(err.Error()), "\n") // As errors.Join has them.
	for i, text := range texts {
		texts[i] = strings.TrimPrefix(text, "darktrace: ")
	}
	return line(strings.Join(slices.Compact(texts), "; "))
}

// printable escapes characters in JSON that control a terminal. They occur only
// inside strings; encoding/json does not escape those above the ASCII range.
func printable(data []byte) []byte {
	safe := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || r < 0x7f || size > 1 && unicode.IsPrint(r):
			safe = append(safe, data[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		data = data[size:]
	}
	return safe
}

// wide are the characters that take two cells of a terminal.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x4dbf, 1}, {0x4e00, 0xa4cf, 1}, {0xa960, 0xa97f, 1},
		{0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// cellsOf counts the cells of a terminal that a character takes.
func cellsOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// width counts the cells of a terminal that a text takes.
func width(text string) int {
	n := 0
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

// pad fills a text up to a width.
func pad(text string, size int) string {
	return text + strings.Repeat(" ", max(size-width(text), 0))
}

// short cuts a text to a width.
func short(text string, size int) string {
	if width(text) <= size {
		return text
	}
	left := size - 1
	for i, r := range text {
		if left -= cellsOf(r); left < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// wrap breaks a text into lines of a width, and keeps the line breaks in it.
func wrap(text string, size int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		current := ""
		for word := range strings.FieldsSeq(paragraph) {
			if current != "" && width(current)+1+width(word) > size {
				lines, current = append(lines, current), ""
			}
			current = strings.TrimSpace(current + " " + word)
		}
		if current != "" {
			lines = append(lines, current)
		}
	}
	return lines
}

// wrapLast wraps the last cell of rows with one or two cells, so that they fit into
// a width. It does not change other rows.
func wrapLast(rows [][]string, size int) [][]string {
	names := 0
	for _, row := range rows {
		if len(row) == 2 {
			names = max(names, width(row[0])+columnGap)
		}
	}
	var wrapped [][]string
	for _, row := range rows {
		last := len(row) - 1
		if last > 1 || size-last*names < narrowest {
			wrapped = append(wrapped, row)
			continue
		}
		for i, text := range wrap(row[last], size-last*names) {
			next := make([]string, last+1)
			if i == 0 {
				copy(next, row)
			}
			next[last] = text
			wrapped = append(wrapped, next)
		}
	}
	return wrapped
}

const (
	columnGap = 2
	narrowest = 20 // a text beside a name gets at least this width
)

// align turns rows into lines with aligned cells. Columns that do not fit into the
// width go to further lines, aligned too. Texts that are still too wide are
// wrapped. A size of 0 means any width.
func align(rows [][]string, size int) []string {
	var widths, words []int // of the widest cell and the widest word of each column
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, words = append(widths, 0), append(words, 0)
			}
			widths[i] = max(widths[i], width(cell))
			for word := range strings.FieldsSeq(cell) {
				words[i] = max(words[i], width(word))
			}
		}
	}
	starts := make([]int, len(widths)) // where each column begins in its line
	breaks := make([]bool, len(widths))
	const indent = 2
	for i, at := 0, 0; i < len(widths); i++ {
		need := widths[i]
		switch i {
		case 1: // It stays beside the first while it fits.
			need = min(need, narrowest)
		case len(widths) - 1:
			need = min(need, max(words[i], narrowest))
		}
		if breaks[i] = i > 0 && size > 0 && at+need > size; breaks[i] {
			at = indent
		}
		starts[i] = at
		at += widths[i] + columnGap
	}
	var lines []string
	for _, row := range rows {
		current := ""
		for i, cell := range row {
			if breaks[i] {
				lines, current = append(lines, current), pad("", indent)
			}
			if room := size - starts[i]; size > 0 && width(cell) > room && (breaks[i] || i == len(row)-1) {
				for parts := wrap(cell, max(room, narrowest)); len(parts) > 0; parts = parts[1:] {
					if cell = parts[0]; len(parts) > 1 {
						lines, current = append(lines, current+cell), pad("", starts[i])
					}
				}
			}
			current += pad(cell, widths[i]+columnGap)
		}
		lines = append(lines, current)
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}
