package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
)

// format is how objects are printed.
type format string

const (
	formatTable format = "table" // for people
	formatJSON  format = "json"  // a line for each object, as it is on the wire
	formatECS   format = "ecs"   // a line for each object, in Elastic Common Schema
	formatOCSF  format = "ocsf"  // a line for each object, in Open Cybersecurity Schema Framework
	formatHTML  format = "html"  // a page
)

var formats = []format{formatTable, formatJSON, formatECS, formatOCSF}

// output prints the results of a verb.
type output struct {
	format   format
	terminal bool
	w        *bufio.Writer
	width    int    // of the terminal in characters; 0 = unknown, or no terminal
	url      string // of the appliance
	begun    bool   // something was printed
	progress progress
}

func newOutput(p *program, c *command) *output {
	return &output{format: c.output, terminal: p.stdoutTerminal, width: p.width, w: bufio.NewWriter(p.stdout), progress: progress{w: p.stderr, on: p.stderrTerminal && !c.quiet, now: p.now}}
}

func (o *output) flush() error { return o.w.Flush() }

func (o *output) table() bool { return o.format == formatTable }

// object prints one object in every format but the table.
func (o *output) object(v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document(o.format, v, o.url, o.progress.now())); err != nil {
		return err
	}
	_, err := o.w.Write(printable(b.Bytes()))
	return err
}

// column is a column of a table: its head, and the cell of an element.
type column[T any] struct {
	head string
	cell func(T) string
}

// cells are the cells of an element.
func cells[T any](columns []column[T], element T) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.cell(element)
	}
	return row
}

// list prints elements as they arrive, or all at once in a table. It also prints
// the elements before an error.
func list[T any](j *job, what string, elements iter.Seq2[T, error], columns []column[T]) error {
	var rows [][]string
	var failure error
	count := 0
	for element, err := range elements {
		if failure = err; err != nil {
			break
		}
		if j.out.table() {
			rows = append(rows, cells(columns, element))
		} else if err := j.out.object(element); err != nil {
			return err
		}
		count++
		j.out.progress.count(count, what)
		if count == j.limit {
			break
		}
	}
	j.out.progress.end()
	switch {
	case !j.out.table():
	case count > 0:
		head := make([]string, len(columns))
		for i, c := range columns {
			head[i] = c.head
		}
		j.out.rows(append([][]string{head}, rows...)...)
	case failure == nil:
		j.out.say("no %s", what)
	}
	return failure
}

// withoutError turns a slice into a sequence for list.
func withoutError[T any](elements []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, element := range elements {
			if !yield(element, nil) {
				return
			}
		}
	}
}

// rows prints rows with their cells aligned.
func (o *output) rows(rows ...[]string) {
	o.begun = true
	for _, text := range align(clean(rows), o.width) {
		fmt.Fprintln(o.w, text)
	}
}

// clean returns the rows with each cell on one line.
func clean(rows [][]string) [][]string {
	cleaned := make([][]string, len(rows))
	for i, row := range rows {
		cleaned[i] = make([]string, len(row))
		for k, cell := range row {
			cleaned[i][k] = line(cell)
		}
	}
	return cleaned
}

// say prints a line for people.
func (o *output) say(format string, args ...any) {
	fmt.Fprintln(o.w, line(fmt.Sprintf(format, args...)))
}

// section prints a heading and indented rows below it, unless there are none. It
// leaves out rows with a name but no value.
func (o *output) section(heading string, rows ...[]string) {
	rows = slices.DeleteFunc(clean(rows), func(row []string) bool { return len(row) == 2 && row[1] == "" })
	if len(rows) == 0 {
		return
	}
	if o.begun {
		fmt.Fprintln(o.w)
	}
	o.begun = true
	size := textWidth
	if o.width > 0 {
		size = min(size, o.width)
	}
	for _, text := range wrap(line(heading), size) {
		fmt.Fprintln(o.w, text)
	}
	const indent = "  "
	for _, text := range align(wrapLast(rows, size-len(indent)), max(o.width-len(indent), 0)) {
		fmt.Fprintln(o.w, strings.TrimRight(indent+text, " "))
	}
}

// textWidth is how wide a text for people gets.
const textWidth = 100

// progress shows a count on stderr during a long read.
type progress struct {
	w     io.Writer
	on    bool
	now   func() time.Time
	last  time.Time
	shown string
}

func (p *progress) count(n int, what string) {
	if now := p.now(); now.Sub(p.last) >= 200*time.Millisecond {
		p.last = now
		p.show(fmt.Sprintf("%d %s", n, what))
	}
}

// show replaces the text that is shown.
func (p *progress) show(text string) {
	if p.on {
		p.end()
		p.shown = text
		fmt.Fprint(p.w, text)
	}
}

// end overwrites the count with blanks, since not every terminal has a control
// sequence for it.
func (p *progress) end() {
	if p.shown != "" {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", len(p.shown))+"\r")
		p.shown = ""
	}
}

// note reports on stderr an error after which the read is tried again.
func (p *progress) note(err error) {
	p.end()
	fmt.Fprintln(p.w, "darktrace: trying again: "+oneLine(err))
}
