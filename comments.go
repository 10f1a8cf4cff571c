package darktrace

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// Comment is a comment on an event. Comments have no id, and can't be changed
// or deleted through the API.
//
// Threat Visualizer API: GET /aianalyst/incident/comments.
type Comment struct {
	Username string  `json:"username,omitzero"`    // Author.
	Message  string  `json:"message,omitzero"`     // Text.
	EventID  string  `json:"incident_id,omitzero"` // Event that it belongs to.
	Time     Millis  `json:"time,omitzero"`        // When it was written.
	Extra    RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// ListComments returns the comments on an event, in the appliance's order. If
// there are none, or the event is unknown, the list is empty.
//
// Threat Visualizer API: GET /aianalyst/incident/comments.
func (s *AIAnalystService) ListComments(ctx context.Context, eventID string) ([]*Comment, error) {
	if err := checkEventID("eventID", eventID); err != nil {
		return nil, err
	}
	query := encodeQuery(url.Values{"incident_id": {eventID}})
	reply, err := s.client().send(ctx, &call{method: http.MethodGet, path: commentsPath, query: query, stream: true})
	if err != nil {
		return nil, err
	}
	comments, found, missing := []*Comment{}, false, false
	err = decodeReply(ctx, reply, decoderOf[commentList](ctx), func(l *commentList) bool { // A Unified View has one for each master.
		comments, found, missing = append(comments, l.comments...), true, missing || !l.found
		return true
	})
	if err == nil && (missing || !found) {
		err = reply.undecoded(errors.New("the response contains no comments"))
	}
	reply.finish(err)
	if err != nil {
		return nil, err
	}
	return comments, nil
}

// commentList is the response of the comments endpoint.
type commentList struct {
	comments []*Comment
	found    bool // the response has comments, possibly none
}

func (l *commentList) readJSON(c *wire.Cursor) wire.Outcome {
	if !c.Enter('{') {
		return c.Reject()
	}
	for !c.Late() && c.More('}') {
		if string(c.Name()) != "comments" {
			c.Skip()
			continue
		}
		l.found = true
		wire.List(&l.comments, c, func(m **Comment, c *wire.Cursor) wire.Outcome { return wire.Optional(m, c, (*Comment).readJSON) })
	}
	c.Settle(l.found)
	return wire.Held
}

// PostComment posts a comment on an event. A nil error means that the appliance
// confirmed it. Version 7.0 confirms comments and drops them: see
// PostCommentVerified. For an unknown event, versions differ: they return
// ErrRejected, or a success that means nothing.
//
// Comments have no id. Put something unique into the text, such as the number
// of a ticket, and after ErrOutcomeUnknown look for the text in ListComments
// before you post again. PostComment needs the permission "Discuss Breaches".
//
// Threat Visualizer API: POST /aianalyst/incident/comments, since 6.0.2.
func (s *AIAnalystService) PostComment(ctx context.Context, eventID, message string) error {
	if err := checkComment(eventID, message); err != nil {
		return err
	}
	err := s.client().do(ctx, &Request{Method: http.MethodPost, Path: commentsPath, JSON: struct {
		EventID string `json:"incident_id"`
		Message string `json:"message"`
	}{eventID, message}}, nil)
	if refused, ok := err.(*APIError); ok && (errors.Is(err, ErrRejected) || errors.Is(err, ErrNotFound)) { //nolint:errorlint // An error that wraps it says more.
		named := *refused // Hooks may have kept the original.
		named.hint = also(named.hint, "the event is "+eventID)
		return &named
	}
	return err
}

// PostCommentVerified posts a comment and reads it back. It lists the comments
// before and after, because only an additional comment with the same text
// proves that it was stored. Appliances change line ends, white space, HTML
// escapes and characters outside of ASCII when they store a text; such
// differences are ignored.
//
// If there is no additional comment, PostCommentVerified returns ErrNotStored.
// If the outcome of the write was unknown as well, the error is also
// ErrOutcomeUnknown, because a slow appliance may still store it. If the
// comments can't be read back, it returns ErrOutcomeUnknown alone. If there is
// an additional comment with another text, it returns that comment and
// ErrOutcomeUnknown. It needs the permissions "Visualizer" and "Discuss
// Breaches".
//
// Threat Visualizer API: GET and POST /aianalyst/incident/comments.
func (s *AIAnalystService) PostCommentVerified(ctx context.Context, eventID, message string) (*Comment, error) {
	if err := checkComment(eventID, message); err != nil {
		return nil, err
	}
	return s.postVerified(ctx, eventID, message, false)
}

// PostCommentOnce posts a comment on an event unless the event has one with the
// same text, and returns the comment. It is for programs that may repeat
// themselves, such as a ticket sync: put something unique into the text.
// Differences in line ends, white space, HTML escapes and the composition of
// accented letters are ignored. Errors and permissions are as in
// PostCommentVerified.
//
// Threat Visualizer API: GET and POST /aianalyst/incident/comments.
func (s *AIAnalystService) PostCommentOnce(ctx context.Context, eventID, message string) (*Comment, error) {
	if err := checkComment(eventID, message); err != nil {
		return nil, err
	}
	return s.postVerified(ctx, eventID, message, true)
}

func (s *AIAnalystService) postVerified(ctx context.Context, eventID, message string, once bool) (*Comment, error) {
	return postVerified(ctx, s.client(), commentsPath, "the event's list of comments", message, once,
		func() error { return s.PostComment(ctx, eventID, message) },
		func() ([]*Comment, error) { return s.ListComments(ctx, eventID) })
}

func (c *Comment) said() (string, Millis) { return c.Username + "\x00" + c.Message, c.Time }
func (c *Comment) message() string        { return c.Message }

func checkComment(eventID, message string) error {
	return firstError(checkMessage(message), checkEventID("eventID", eventID))
}

// remark is a comment of any kind.
type remark interface {
	said() (who string, when Millis)
	message() string
}

// postVerified posts a comment and finds it among the comments that are new. With
// once it posts nothing if there is a comment with the same text.
func postVerified[C remark](ctx context.Context, c *core, path, where, message string, once bool, post func() error, list func() ([]C, error)) (comment C, err error) {
	before, err := list()
	if err != nil {
		return comment, err
	}
	if there, same := posted(nil, before, message, true); once && same {
		return there, nil
	}
	writeErr := post()
	if !settleable(writeErr) {
		return comment, writeErr
	}
	after, err := list()
	found, same := posted(before, after, message, errors.Is(writeErr, ErrRejected))
	switch {
	case same && err == nil:
		return found, nil
	case errors.Is(writeErr, ErrRejected):
		return comment, writeErr
	case err != nil:
		return comment, c.unverified(ctx, path, err, writeErr)
	case len(added(before, after)) == 0:
		return comment, c.notStored(path, where, writeErr)
	}
	return found, failed(ErrOutcomeUnknown, "POST", path, where+" has a new one with another text; look at it before you post again", writeErr, c.redact)
}

// added returns the comments of after that are not in before.
func added[C remark](before, after []C) (fresh []C) {
	type identity struct {
		said string
		when Millis
	}
	count := map[identity]int{}
	of := func(c C) identity { said, when := c.said(); return identity{said, when} }
	for _, c := range before {
		count[of(c)]++
	}
	for _, c := range after {
		if count[of(c)]--; count[of(c)] < 0 {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// posted returns the newest of the new comments, and whether it reads like message.
// It prefers comments that read the same. If there are none and exact is false, it
// also accepts a text that a store may have made of message.
func posted[C remark](before, after []C, message string, exact bool) (found C, same bool) {
	fresh := added(before, after)
	newest := func(a, b C) int {
		_, first := a.said()
		_, second := b.said()
		return cmp.Compare(first, second)
	}
	for _, like := range []func(message, stored string) bool{alike, survives} {
		if these := slices.DeleteFunc(slices.Clone(fresh), func(c C) bool { return !like(message, c.message()) }); len(these) > 0 {
			return slices.MaxFunc(these, newest), true
		}
		if exact {
			break
		}
	}
	if len(fresh) > 0 {
		found = slices.MaxFunc(fresh, newest)
	}
	return found, false
}

// alike reports whether two texts differ only in ways that a reader can't see.
func alike(a, b string) bool { return composed(plain(a)) == composed(plain(b)) }

// plain returns a text without HTML escapes, and with each run of white space
// as one blank.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(unescape(text), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc)
	}), " ")
}

// The names of HTML escapes that stores use: those from U+00A0 on, then the
// marks. Package html knows all 2231, and adds them to every program that
// imports it.
const (
	escapeNames = `nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr
deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest
Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml
ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig
agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml
eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml
amp lt gt quot apos ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo lsaquo rsaquo bull hellip euro trade`
	escapedMarks = `&<>"'–—‘’‚“”„‹›•…€™`
)

// unescape returns a text with its HTML escapes decoded.
func unescape(text string) string {
	const longest = 24 // of a name, or of a number with zeros before it
	if !strings.Contains(text, "&") {
		return text
	}
	names := strings.Fields(escapeNames)
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, _, ended := strings.Cut(rest[:min(len(rest), longest)], ";")
		if r := escaped(name, names); ended && r != 0 {
			b.WriteRune(r)
			text = rest[len(name)+1:]
		} else {
			b.WriteByte('&')
			text = rest
		}
	}
}

// escaped returns the character that an escape stands for; 0 if there is none.
func escaped(name string, names []string) rune {
	if digits, ok := strings.CutPrefix(strings.ToLower(name), "#"); ok {
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		r, _ := strconv.ParseUint(digits, base, 21) // 0 if it is not a number
		return rune(r)
	}
	i := slices.Index(names, name)
	switch {
	case i < 0:
		return 0
	case i < 0x60:
		return 0xa0 + rune(i)
	}
	return []rune(escapedMarks)[i-0x60]
}

// survives reports whether a text may be what a store made of a message: it may
// replace characters outside of ASCII, and drop those outside of the Basic
// Multilingual Plane.
func survives(message, stored string) bool {
	held := func(r rune) rune {
		if r > 0xFFFF {
			return -1
		}
		return r
	}
	if alike(message, stored) || alike(strings.Map(held, message), stored) {
		return true
	}
	foreign := func(r rune) bool { return r == '?' || r > unicode.MaxASCII } // The characters that stores replace, and the one they write instead.
	runs := func(text string) (foreigns, others []string) {
		text = "\x00" + composed(plain(text)) + "\x00" // So that each run has a neighbour on both sides.
		return strings.FieldsFunc(text, func(r rune) bool { return !foreign(r) }), strings.FieldsFunc(text, foreign)
	}
	wrote, around := runs(message)
	kept, aroundKept := runs(stored)
	return slices.Equal(around, aroundKept) && slices.EqualFunc(wrote, kept, func(a, b string) bool { return a == b || replaced(a, b) })
}

// replaced reports whether kept is wrote, a run of characters outside of ASCII,
// with some characters replaced. The others must be there, in the same order.
func replaced(wrote, kept string) bool {
	others := strings.Map(func(r rune) rune {
		if r == '?' || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, kept)
	if others == kept || strings.Trim(wrote, "?") == "" {
		return false
	}
	for _, r := range others {
		_, after, found := strings.Cut(wrote, string(r))
		if !found {
			return false
		}
		wrote = after
	}
	return true
}

// composed returns a text in Unicode's form NFC, in which a letter with
// combining marks is one character.
func composed(text string) string {
	b := make([]rune, 0, len(text))
	for _, r := range text {
		if len(b) > 0 && unicode.Is(unicode.Mn, r) {
			pairs := []rune(compositions[r])
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == b[len(b)-1] {
					b[len(b)-1], r = pairs[i+1], 0
					break
				}
			}
		}
		if r != 0 {
			b = append(b, r)
		}
	}
	return string(b)
}

// compositions holds, for a combining mark, the letters that it combines with
// and the results, for Latin, Greek, Cyrillic and Vietnamese letters and for
// kana.
var compositions = map[rune]string{
	'\u0300': "AÀEÈIÌOÒUÙaàeèiìoòuùЕЀИЍеѐиѝÂẦâầĂẰăằÊỀêềÔỒôồƠỜơờƯỪưừYỲyỳ",
	'\u0301': "AÁEÉIÍOÓUÚYÝaáeéiíoóuúyýCĆcćLĹlĺNŃnńRŔrŕSŚsśZŹzźΑΆΕΈΗΉΙΊΟΌΥΎΩΏϊΐαάεέηήιίϋΰοόυύωώГЃКЌгѓкќÂẤâấĂẮăắÊẾêếÔỐôốƠỚơớƯỨưứ",
	'\u0302': "AÂEÊIÎOÔUÛaâeêiîoôuûCĈcĉGĜgĝHĤhĥJĴjĵSŜsŝWŴwŵYŶyŷẠẬạậẸỆẹệỌỘọộ",
	'\u0303': "AÃNÑOÕaãnñoõIĨiĩUŨuũÂẪâẫĂẴăẵEẼeẽÊỄêễÔỖôỗƠỠơỡƯỮưữYỸyỹ",
	'\u0304': "AĀaāEĒeēIĪiīOŌoōUŪuū",
	'\u0306': "AĂaăEĔeĕGĞgğIĬiĭOŎoŏUŬuŭУЎИЙийуўẠẶạặ",
	'\u0307': "CĊcċEĖeėGĠgġIİZŻzż",
	'\u0308': "AÄEËIÏOÖUÜaäeëiïoöuüyÿYŸΙΪΥΫιϊυϋЕЁІЇеёії",
	'\u0309': "AẢaảÂẨâẩĂẲăẳEẺeẻÊỂêểIỈiỉOỎoỏÔỔôổƠỞơởUỦuủƯỬưửYỶyỷ",
	'\u030a': "AÅaåUŮuů",
	'\u030b': "OŐoőUŰuű",
	'\u030c': "CČcčDĎdďEĚeěLĽlľNŇnňRŘrřSŠsšTŤtťZŽzž",
	'\u031b': "OƠoơUƯuư",
	'\u0323': "AẠaạEẸeẹIỊiịOỌoọƠỢơợUỤuụƯỰưựYỴyỵ",
	'\u0327': "CÇcçGĢgģKĶkķLĻlļNŅnņRŖrŗSŞsşTŢtţ",
	'\u0328': "AĄaąEĘeęIĮiįUŲuų",
	'\u3099': "かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼうゔゝゞカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボウヴワヷヰヸヱヹヲヺヽヾ",
	'\u309a': "はぱひぴふぷへぺほぽハパヒピフプヘペホポ",
}
