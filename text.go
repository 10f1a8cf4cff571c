package darktrace

import "strings"

// Text is a text of an event: a plain string, or, in the block form, a tree of
// templates whose placeholders are filled by replacements. String renders both.
type Text struct {
	Type         DetailType  // valueType of the block form; "" = plain text.
	Value        DetailValue // The text, the template, or the value that the type names; nil = no text.
	Replacements []Text      // What fills the {} of a template, in order.
	Extra        RawJSON     // What the fields above can't hold; see [RawJSON].
}

// PlainText returns s as a text without a template.
func PlainText(s string) Text { return Text{Value: String(s)} }

// String renders the text for people: each {} of a template gives way to its
// replacement. A {} without a replacement stays, a replacement without a {} is
// left out.
func (t Text) String() string {
	var b strings.Builder
	t.render(&b)
	return b.String()
}

func (t Text) render(b *strings.Builder) {
	if t.Value == nil {
		return
	}
	rest := t.Value.String()
	for _, replacement := range t.Replacements {
		before, after, found := strings.Cut(rest, "{}")
		if !found {
			break
		}
		b.WriteString(before)
		replacement.render(b)
		rest = after
	}
	b.WriteString(rest)
}
