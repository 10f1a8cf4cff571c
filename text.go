package darktrace

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

// String renders the text, replacements filled in.
func (t Text) String() string {
	if t.Value == nil {
		return ""
	}
	return t.Value.String()
}
